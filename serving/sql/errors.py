"""An engine's error about a query as one line, with the nearest table or column names."""

import difflib
import re
from collections.abc import Iterable

from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.views.views import VIEWS
from serving.sql.read_only import names_in

# messages of the embedded engine (Sail 0.7.2), then of Apache Spark 3.5
_NO_TABLE = (
    re.compile(r"Table or view not found: (?P<name>[^\s|]+)"),
    re.compile(r"\[TABLE_OR_VIEW_NOT_FOUND\] The table or view (?P<name>\S+) cannot be found"),
    re.compile(r"\[SCHEMA_NOT_FOUND\] The schema (?P<name>\S+) cannot be found"),
)
_NO_COLUMN = (
    re.compile(r"attribute ObjectName\(\[(?P<name>.*?)\]\) is missing"),
    re.compile(r"\[UNRESOLVED_COLUMN\.\w+\].*? name (?P<name>\S+) cannot be resolved"),
)
_IDENTIFIER = re.compile(r'Identifier\("(.*?)"\)')


def explain_error(error: Exception, statement: str) -> str:
    """One line: the unknown table or column and the nearest known ones, otherwise the engine's first line."""
    text = " ".join(str(error).split())
    if name := _found(_NO_TABLE, text):
        return unknown_table(name, statement)
    if name := _found(_NO_COLUMN, text):
        return _unknown_column(name.split(".")[-1], statement)
    first = re.split(r"JVM stacktrace|\s\|\s|;\s*'|== SQL", text)[0]
    return f"the query failed: {first.strip()[:400]}"


def _found(patterns: Iterable[re.Pattern[str]], text: str) -> str | None:
    match = next((hit for pattern in patterns if (hit := pattern.search(text))), None)
    if match is None:
        return None
    parts = _IDENTIFIER.findall(match["name"]) or [match["name"]]
    return ".".join(parts).replace("`", "").rstrip(".,;")


def unknown_table(name: str, statement: str) -> str:
    """One line that says that there is no such table, with the nearest names."""
    names = [table.full_name for table in ALL_TABLES] + [view.name for view in VIEWS]
    written = _as_written(name, statement)
    by_last_part = {full_name.split(".")[1]: full_name for full_name in names}
    near = difflib.get_close_matches(written, names, n=2, cutoff=0.6) or [
        by_last_part[last]
        for last in difflib.get_close_matches(written.split(".")[-1], by_last_part, n=2, cutoff=0.5)
    ]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(names))}"
    return f"there is no table {written}; {hint}"


def _as_written(name: str, statement: str) -> str:
    """The name with its layer, which the embedded engine's message omits."""
    pattern = rf"[\w`]+\.`?{re.escape(name)}\b"
    match = None if "." in name else re.search(pattern, statement, re.IGNORECASE)
    return (match.group() if match else name).replace("`", "").lower()


def _unknown_column(name: str, statement: str) -> str:
    words = set(names_in(statement))
    named = [table for table in ALL_TABLES if table.name in words]
    columns = sorted({column for table in named or ALL_TABLES for column in table.columns})
    near = difflib.get_close_matches(name.lower(), columns, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif len(named) == 1:
        hint = f"the columns are {', '.join(named[0].columns)}"
    else:
        hint = "`describe layer.table` lists the columns"
    return f"there is no column {name}; {hint}"
