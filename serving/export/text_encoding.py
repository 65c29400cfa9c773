"""Lossless text encodings of columns, for the CSV and JSON objects of an export."""

import json
import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from serving.export.formulas import without_formulas
from serving.output.json_text import cell_text

_WHOLE_SECOND = r"\.000000Z$"
_CAST_BY_ARROW = (pa.types.is_string, pa.types.is_integer, pa.types.is_boolean, pa.types.is_date)
_NEEDS_QUOTES = '[",\r\n]'


def plain_texts(column: pa.ChunkedArray) -> pa.Array:
    """Each value as plain text; null stays null.

    Decimals have no exponent and no trailing zeros. Instants are ISO 8601 in UTC, `2026-01-05T14:30:00Z`,
    with six decimal places if the second is not whole. Doubles are the shortest text that parses to the same
    number. Arrays are JSON.
    """
    kind, values = column.type, column.combine_chunks()
    if pa.types.is_decimal(kind):
        return _decimals(values)
    if pa.types.is_timestamp(kind):
        texts = pc.strftime(values, format="%Y-%m-%dT%H:%M:%SZ")
        return pc.replace_substring_regex(texts, _WHOLE_SECOND, "Z")
    if any(is_kind(kind) for is_kind in _CAST_BY_ARROW):
        return values.cast(pa.string())
    return pa.array(
        [None if value is None else cell_text(value) for value in values.to_pylist()], pa.string()
    )


def csv_lines(table: pa.Table) -> list[str]:
    """One line per row (RFC 4180 quoting, without `\\n`); null is empty, empty text is `""`.

    Text that a spreadsheet would run as a formula has an apostrophe in front; numbers are as they are.
    """
    return _joined([_csv_cells(column, without_formulas) for column in table.columns], ",")


def raw_csv_lines(table: pa.Table) -> list[str]:
    """The lines of `csv_lines` with every text as it is stored, for programs that read no formulas."""
    return _joined([_csv_cells(column, lambda texts: texts) for column in table.columns], ",")


def csv_header(names: list[str]) -> str:
    """The line of column names."""
    return ",".join(_csv_name(name) for name in names)


def _csv_name(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"' if re.search(_NEEDS_QUOTES, name) else name


def json_lines(table: pa.Table) -> list[str]:
    """One JSON object per row: decimals and instants are strings, so that no reader rounds them.

    Integers, doubles and booleans are plain; null is null; a double that JSON cannot represent (NaN) is a
    string.
    """
    parts: list[pa.Array | str] = []
    for index, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        parts += [f"{',' if index else '{'}{json.dumps(name, ensure_ascii=False)}:", _json_cells(column)]
    return _joined([*parts, "}"], "")


def _decimals(values: pa.Array) -> pa.Array:
    texts = values.cast(pa.string())
    if values.type.scale > 0:
        texts = pc.utf8_rtrim(pc.utf8_rtrim(texts, characters="0"), characters=".")
    # Arrow 21 writes decimals below 10^-6, including zero, with an exponent: 0E-12
    has_exponent = pc.fill_null(pc.match_substring(values.cast(pa.string()), "E"), False)
    if not pc.any(has_exponent).as_py():
        return texts
    few = [cell_text(value) for value in values.filter(has_exponent).to_pylist()]
    return pc.replace_with_mask(texts, has_exponent, pa.array(few, pa.string()))


def _csv_cells(column: pa.ChunkedArray, of_text: Callable[[pa.Array], pa.Array]) -> pa.Array:
    texts = plain_texts(column)
    if pa.types.is_string(column.type) or pa.types.is_nested(column.type):
        texts = of_text(texts)
        doubled = pc.replace_substring(texts, '"', '""')
        quoted = pc.binary_join_element_wise('"', doubled, '"', "")
        needs_quotes = pc.or_(pc.match_substring_regex(texts, _NEEDS_QUOTES), pc.equal(texts, ""))
        texts = pc.if_else(needs_quotes, quoted, texts)
    return pc.fill_null(texts, "")


def _json_cells(column: pa.ChunkedArray) -> pa.Array:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_floating(kind):
        encoded = column.combine_chunks().dictionary_encode()
        texts = pa.array([_json_scalar(value) for value in encoded.dictionary.to_pylist()], pa.string())
        texts = texts.take(encoded.indices)
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_nested(kind):
        texts = plain_texts(column)
    else:
        texts = pc.binary_join_element_wise('"', plain_texts(column), '"', "")
    return pc.fill_null(texts, "null")


def _json_scalar(value: str | float) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return f'"{text}"' if text in {"NaN", "Infinity", "-Infinity"} else text


def _joined(parts: list[pa.Array | str], separator: str) -> list[str]:
    if len(parts) == 1 and not isinstance(parts[0], str):
        return [str(text) for text in parts[0].to_pylist()]
    return [str(text) for text in pc.binary_join_element_wise(*parts, separator).to_pylist()]
