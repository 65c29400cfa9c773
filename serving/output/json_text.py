"""Answers as JSON: instants in ISO 8601 with their zone, decimals as strings so that nothing is rounded."""

import base64
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa


def json_text(value: Any) -> str:  # noqa: ANN401 - anything that a command answers
    """The value as one JSON document; an Arrow table as an array of objects, a dataclass as an object."""
    return json.dumps(_plain(value), ensure_ascii=False)


def cell_text(value: Any) -> str:  # noqa: ANN401 - a cell of any type
    """A cell for a person or a pipe: empty for null, ISO 8601, decimals without trailing zeros."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _plain(value: Any) -> Any:  # noqa: ANN401, PLR0911 - one line a kind
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
        return {str(name): _plain(each) for name, each in value.items()}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else str(value)


def zip_rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows as dictionaries; a column name that is there twice gets a number: x, x_2."""
    names: list[str] = []
    for name in table.column_names:
        again = names.count(name) and 1 + sum(each == name or each.startswith(f"{name}_") for each in names)
        names.append(f"{name}_{again}" if again else name)
    columns = [column.to_pylist() for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _bytes_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
