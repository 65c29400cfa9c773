"""Results as JSON: instants in ISO 8601 with time zone, decimals as strings so that none is rounded."""

import base64
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa


def json_text(value: Any) -> str:  # noqa: ANN401 - any result of a command
    """The value as one JSON document: an Arrow table is an array of objects, a dataclass an object."""
    return json.dumps(_plain(value), ensure_ascii=False)


def cell_text(value: Any) -> str:  # noqa: ANN401 - a cell of any type
    """A cell as text: empty for null, ISO 8601 for times, decimals without trailing zeros."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _plain(value: Any) -> Any:  # noqa: ANN401, PLR0911 - one return per type
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return _bytes_text(value)
    if isinstance(value, pa.Table):
        return [_plain(row) for row in zip_rows(value)]
    if isinstance(value, Mapping):
        return {str(name): _plain(member) for name, member in value.items()}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else str(value)


def zip_rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows as dictionaries; a repeated column name gets a number: x, x_2."""
    names: list[str] = []
    for name in table.column_names:
        repeats = names.count(name) and 1 + sum(used == name or used.startswith(f"{name}_") for used in names)
        names.append(f"{name}_{repeats}" if repeats else name)
    columns = [column.to_pylist() for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _bytes_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
