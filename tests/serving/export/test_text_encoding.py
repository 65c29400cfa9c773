"""Lossless text encoding of values."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from serving.export.text_encoding import csv_header, csv_lines, json_lines, plain_texts


def texts(values: list[object], kind: pa.DataType) -> list[str | None]:
    found: list[str | None] = plain_texts(pa.chunked_array([pa.array(values, kind)])).to_pylist()
    return found


def test_decimals_have_no_exponent() -> None:
    values = ["0", "-0.000000000001", "250.100000000000", "100", "123456789012.5", "0.0000001", None]
    decimals = [Decimal(value) if value else None for value in values]
    assert texts(list(decimals), pa.decimal128(24, 12)) == [
        "0",
        "-0.000000000001",
        "250.1",
        "100",
        "123456789012.5",
        "0.0000001",
        None,
    ]
    assert texts([Decimal(100), Decimal(0)], pa.decimal128(20, 0)) == ["100", "0"]


def test_instants_are_utc_with_six_digits_if_any() -> None:
    at = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
    values: list[object] = [at, at.replace(microsecond=100_000), at.replace(second=20), None]
    assert texts(values, pa.timestamp("us", "UTC")) == [
        "2026-01-05T14:30:00Z",
        "2026-01-05T14:30:00.100000Z",
        "2026-01-05T14:30:20Z",
        None,
    ]


def test_other_values_parse_back_to_themselves() -> None:
    assert texts([date(2026, 1, 5)], pa.date32()) == ["2026-01-05"]
    assert texts([2**63 - 1], pa.int64()) == ["9223372036854775807"]
    assert texts([True, False], pa.bool_()) == ["true", "false"]
    assert texts([["a", "b,c"]], pa.list_(pa.string())) == ['["a", "b,c"]']
    (text,) = texts([0.1 + 0.2], pa.float64())
    assert float(str(text)) == 0.1 + 0.2


@pytest.mark.parametrize("text", ["plain", "a,b", 'a"b', "a\nb", "a\rb", " ", "", None, "é", "null"])
def test_any_text_survives_csv_and_json(text: str | None) -> None:
    import csv  # noqa: PLC0415 - this test only
    from io import StringIO  # noqa: PLC0415 - this test only

    table = pa.table({"a": pa.array([text], pa.string()), "b": pa.array([1], pa.int64())})
    (line,) = csv_lines(table)
    assert next(csv.reader(StringIO(line, newline=""))) == [text or "", "1"]
    assert (line == ",1") == (text is None)
    assert json.loads(json_lines(table)[0]) == {"a": text, "b": 1}


def test_json_has_decimals_as_strings_and_is_json_for_every_double() -> None:
    table = pa.table(
        {
            "7d_avg": pa.array([Decimal("1.50")], pa.decimal128(18, 6)),
            "return": pa.array([float("nan")], pa.float64()),
            "is_it": pa.array([None], pa.bool_()),
            "names": pa.array([["x", 'y"']], pa.list_(pa.string())),
            "ns": pa.array([1735828200000000001], pa.int64()),
        }
    )
    assert json_lines(table) == [
        '{"7d_avg":"1.5","return":"NaN","is_it":null,"names":["x", "y\\""],"ns":1735828200000000001}'
    ]
    assert json.loads(json_lines(table)[0], parse_constant=lambda _: pytest.fail("no JSON"))


def test_a_table_of_one_column_with_an_odd_name_is_written() -> None:
    assert csv_lines(pa.table({"a": pa.array(["x", None])})) == ["x", ""]
    assert csv_header(["a", 'b,"c']) == 'a,"b,""c"'
