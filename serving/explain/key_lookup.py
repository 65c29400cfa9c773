"""Finds the one row with a given key."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pyspark.sql.types import ArrayType, BinaryType, BooleanType, DateType, DecimalType, TimestampType

from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from serving.errors import ServingError
from serving.query.literals import Scalar, literal
from serving.query.selected_rows import Records, select

_MAX_SHOWN = 20


def parse_key(table: Table, texts: Sequence[str]) -> dict[str, Scalar]:
    """The key given as `symbol=AAPL` ..., or as bare values in the order of the key columns.

    Raises:
        ServingError: an unknown column, a value of the wrong type, or too many values.
    """
    key: dict[str, Scalar] = {}
    positions = iter(table.keys)
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or name not in table.columns:
            if separator and name.isidentifier():
                raise ServingError(f"{table.full_name} has no column {name}; {_key_hint(table)}")
            name, value = next(positions, ""), text
        if not name:
            raise ServingError(
                f"{table.full_name}: there are more values than key columns; {_key_hint(table)}"
            )
        key[name] = _value(table, name, value)
    return key


def find_row(lake: Lake, table: Table, key: Mapping[str, Scalar]) -> dict[str, Any]:
    """The only row with these values; in a bitemporal table the current one, unless the key has known_from.

    Raises:
        ServingError: no row matches, or several do; names the key columns and an example.
        LakeError: the table cannot be read.
    """
    if not key:
        raise ServingError(f"name a row of {table.full_name}; {_key_hint(table)}; {_example(lake, table)}")
    conditions = [f'"{name}" = {literal(value)}' for name, value in key.items()]
    if "known_to" in table.columns and "known_from" not in key:
        conditions.append("known_to IS NULL")
    order = ", ".join(f'"{name}"' for name in table.keys)
    rows = select(
        lake,
        table,
        f"SELECT * FROM stored WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT {_MAX_SHOWN}",  # noqa: S608 - escaped
    )
    requested = " ".join(f"{name}={value}" for name, value in key.items())
    if not rows:
        raise ServingError(
            f"{table.full_name} has no row with {requested}; {_key_hint(table)}; {_example(lake, table)}"
        )
    if len(rows) > 1:
        raise ServingError(_ambiguous(table, requested, rows))
    return {name: rows[0][name] for name in table.columns}


def _ambiguous(table: Table, requested: str, rows: Records) -> str:
    names = [name for name in table.keys if len({row[name] for row in rows}) > 1]
    add = " or ".join(
        f"{name} ({', '.join(sorted({_text(row[name]) for row in rows})[:4])})" for name in names
    )
    count = f"{len(rows)} rows" if len(rows) < _MAX_SHOWN else f"{_MAX_SHOWN} rows or more"
    return f"{table.full_name}: {count} match {requested}; add {add}; example: {_key_text(table, rows[-1])}"


def _value(table: Table, name: str, text: str) -> Scalar:
    kind = table.schema[name].dataType
    try:
        if isinstance(kind, TimestampType):
            return datetime.fromisoformat(text)
        if isinstance(kind, DateType):
            return date.fromisoformat(text)
        if isinstance(kind, DecimalType):
            return Decimal(text)
        if isinstance(kind, BooleanType):
            return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError, InvalidOperation):
        raise ServingError(
            f"{table.full_name}: {name} must be a {kind.simpleString()}, not {text[:60]!r}; "
            "write dates as 2010-08-20, instants as 2010-08-20T20:00:00Z"
        ) from None
    if isinstance(kind, ArrayType | BinaryType):
        raise ServingError(f"{table.full_name}: a row cannot be looked up by {name}; {_key_hint(table)}")
    return text


def _key_hint(table: Table) -> str:
    return f"key columns: {', '.join(table.keys)}"


def _example(lake: Lake, table: Table) -> str:
    rows = select(lake, table, "SELECT * FROM stored LIMIT 1")
    return (
        f"example: {_key_text(table, rows[0])}"
        if rows
        else "the table is empty; fill it with `lakehouse run`"
    )


def _key_text(table: Table, row: Mapping[str, Any]) -> str:
    pairs = (f"{name}={_text(row[name])}" for name in table.keys if name != "known_from")
    return " ".join(
        f"'{pair}'" if any(character in pair for character in ' "[&/') else pair for pair in pairs
    )


def _text(value: Any) -> str:  # noqa: ANN401 - a cell of any type
    return value.isoformat() if isinstance(value, date) else str(value)
