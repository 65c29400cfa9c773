"""Checks that a statement reads declared tables only: no file, no other data source, no network."""

import re
from collections.abc import Iterable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from delta_tables.table import LAYERS
from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.views.views import STOCK_CLEAN, VIEWS
from serving.errors import ServingError
from serving.sql.errors import unknown_table

_DECLARED = frozenset({table.full_name for table in ALL_TABLES} | {view.name for view in VIEWS})
_ALIASES = frozenset({STOCK_CLEAN.replace(".", "_")})
_CATALOGS = ("", "spark_catalog")
# Functions that make rows of their arguments.
_ROW_FUNCTIONS = frozenset(
    ("explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack", "range")
)
_EXPLAIN = re.compile(
    r"\s*explain\s+((extended|codegen|cost|formatted|analyze|verbose)\s+)*(?=select|with|from|\()",
    re.IGNORECASE,
)
_LISTING = re.compile(
    r"\s*(show\s+(tables|views|databases|schemas|columns|create\s+table|tblproperties|functions)|desc(ribe)?\s+"
    r"(function\s+(extended\s+)?\w+\s*$|(table\s+|extended\s+|formatted\s+|database\s+|schema\s+)*))",
    re.IGNORECASE,
)
_DESCRIBED_PATH = re.compile(r"""\s*desc(?:ribe)?\b[^'"]*?(['"])(.*?)\1""", re.IGNORECASE | re.DOTALL)
_DESCRIBED_QUERY = re.compile(r"\s*desc(ribe)?\s+(query\s+)?(?=select\b|with\b|from\b|\()", re.IGNORECASE)
_NAME = re.compile(r"(?<![\w.'`])(`[^`]+`|\w+)\s*\.\s*(`[^`]+`|\w+)(\s*\.\s*(`[^`]+`|\w+))?")


def check_sources(statement: str) -> None:
    """Accepts a statement of serving.sql.read_only that reads nothing but declared tables and views.

    Raises:
        ServingError: it names something else, calls a function in place of a table, or cannot be parsed.
    """
    query = _EXPLAIN.sub("", statement, count=1)
    query = _DESCRIBED_QUERY.sub("", query, count=1)
    if _LISTING.match(query):
        _check_listing(query)
        return
    for parsed in _parsed(query):
        known = {cte.alias_or_name.lower() for cte in parsed.find_all(exp.CTE)} | _ALIASES
        for table in parsed.find_all(exp.Table):
            if not table.find_ancestor(exp.Hint):
                _check_table(table, known, statement)
        for lateral in parsed.find_all(exp.Lateral):
            if isinstance(lateral.this, exp.Func):
                _check_function(lateral.this, statement)


def _parsed(query: str) -> Iterable[exp.Expr]:
    try:
        found = sqlglot.parse(query, read="spark")
    except SqlglotError as error:
        first = " ".join(re.sub(r"\x1b\[\d+m", "", str(error)).split())[:200]
        raise ServingError(f"the statement cannot be parsed: {first}") from None
    queries = [parsed for parsed in found if parsed is not None]
    if not queries or any(isinstance(parsed, exp.Command) for parsed in queries):
        raise ServingError("the statement cannot be parsed; give a SELECT over tables such as gold.signals")
    return queries


def _check_table(table: exp.Table, known: Iterable[str], statement: str) -> None:
    source = table.this
    if isinstance(source, exp.Func):
        _check_function(source, statement)
        return
    name = ".".join(part for part in (table.db, table.name) if part).lower()
    is_known = not table.db and table.name.lower() in known
    if not is_known and (table.catalog.lower() not in _CATALOGS or name not in _DECLARED):
        raise ServingError(unknown_table(name, statement))


def _check_function(function: exp.Func, statement: str) -> None:
    name = (function.name if isinstance(function, exp.Anonymous) else function.sql_name()).lower()
    arguments = function.expressions
    if name == "identifier" and len(arguments) == 1 and isinstance(arguments[0], exp.Literal):
        if arguments[0].name.lower() not in _DECLARED:
            raise ServingError(unknown_table(arguments[0].name, statement))
    elif name not in _ROW_FUNCTIONS:
        raise ServingError(
            f"{name}(...) is not allowed in place of a table; read tables such as gold.signals, or use "
            f"{', '.join(sorted(_ROW_FUNCTIONS))}"
        )


def _check_listing(statement: str) -> None:
    """SHOW and DESCRIBE name a layer, or a declared table or view; DESCRIBE HISTORY takes no path."""
    if path := _DESCRIBED_PATH.match(statement):
        raise ServingError(unknown_table(path[2], statement))
    for found in _NAME.finditer(statement):
        parts = [part.strip("`").lower() for part in found.groups()[:2]]
        column = found[4]
        name = ".".join(parts)
        if name not in _DECLARED or (column and "/" in column):
            raise ServingError(unknown_table(name, statement))
    for quoted in re.findall(r"`([^`]*)`", statement):
        if not re.fullmatch(r"\w+", quoted):
            raise ServingError(f"`{quoted}` is no table, column or layer; the layers are {', '.join(LAYERS)}")
