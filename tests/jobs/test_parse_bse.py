"""Bhavcopies parse to the rows they hold, line by line, the same on both engines; bad lines are set aside."""

import csv
import io
import zipfile
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from delta_tables.tables.bronze import RAW_PAYLOADS
from jobs.market_calendar.sessions import sessions_frame
from jobs.parsing.bse import parse_bse_bars, parse_bse_instruments
from jobs.parsing.raw_schema import PAYLOAD_COLUMNS, RAW_BAR_COLUMNS, RAW_INSTRUMENT_COLUMNS
from jobs.silver.bar_rules import validate_bars
from tests.builders.payloads import payload

CAPTURES = Path(__file__).resolve().parents[2] / "../shared/data/bse"
FETCHED_AT = datetime(2026, 9, 1, tzinfo=UTC)

# file: its name in a zip, its day, and its columns of code, open, high, low, close, volume, ISIN, group, name
REAL = {
    "20240115_legacy.csv": (
        "EQ_ISINCODE_150124.CSV",
        "2024-01-15",
        "SC_CODE,OPEN,HIGH,LOW,CLOSE,NO_OF_SHRS,ISIN_CODE,SC_GROUP,SC_NAME",
    ),
    "20260814.csv": (
        None,
        "2026-08-14",
        "FinInstrmId,OpnPric,HghPric,LwPric,ClsPric,TtlTradgVol,ISIN,SctySrs,FinInstrmNm",
    ),
}
# counted with awk: lines, the sums of volumes and closes, and lines of the groups F and G
SUMS = {
    "20240115_legacy.csv": (45, 3671582, Decimal("41330.51"), 6),
    "20260814.csv": (45, 1965997, Decimal("48037.61"), 6),
}
BAR_FIELDS = ("symbol", "open_text", "high_text", "low_text", "close_text", "volume_text")
HEADER_14 = (
    "SC_CODE,SC_NAME,SC_GROUP,SC_TYPE,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,NO_TRADES,NO_OF_SHRS,"
    "NET_TURNOV,TDCLOINDI"
)
HEADER_18 = f"{HEADER_14},ISIN_CODE,TRADING_DATE,FILLER2,FILLER3"
LINE_14 = "500002,ABB LTD.    ,A ,Q,1.10,1.20,1.00,1.15,1.15,1.05,5,329,400.00,"
LINE_18 = f"{LINE_14},INE117A01022,07-Feb-22,,"


@pytest.fixture
def captures() -> Path:
    if not CAPTURES.is_dir():
        pytest.skip("the captures of the exchange's files are not part of the project (2026-11)")
    return CAPTURES


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def real_body(captures: Path, file: str) -> bytes:
    """The capture as the exchange sends it: the older layouts in a zip."""
    content = (captures / "cassettes/bse_bhavcopy_equity" / file).read_bytes()
    name = REAL[file][0]
    return zipped(name, content) if name else content


def landed(engine: SparkSession, bodies: Iterable[bytes], dataset: str = "bhavcopy") -> DataFrame:
    fields: dict[str, Any] = {"provider": "bse", "symbol": "ALL", "interval": "1day", "dataset": dataset}
    rows = [payload(**fields, fetched_at=FETCHED_AT, body=body) for body in bodies]
    names = (*PAYLOAD_COLUMNS, "body")
    kinds = (RAW_PAYLOADS.schema[name].dataType.simpleString() for name in names)
    schema = ", ".join(f"`{name}` {kind}" for name, kind in zip(names, kinds, strict=True))
    return engine.createDataFrame([tuple(row[name] for name in names) for row in rows], schema)


def bars(engine: SparkSession, *bodies: bytes) -> list[Row]:
    return in_order(parse_bse_bars(landed(engine, bodies)).collect())


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: int(row["position"].removeprefix("line ").replace("/", "0")))


@pytest.mark.parametrize("file", REAL)
def test_a_real_file_parses_to_the_lines_it_holds(engine: SparkSession, captures: Path, file: str) -> None:
    _, day, columns = REAL[file]
    names = columns.split(",")

    rows_df = parse_bse_bars(landed(engine, [real_body(captures, file)]))
    rows = in_order(rows_df.collect())

    text = (captures / "cassettes/bse_bhavcopy_equity" / file).read_text()
    held = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows_df.columns) == RAW_BAR_COLUMNS
    assert [tuple(row[name] for name in BAR_FIELDS) for row in rows] == [
        tuple(line[name] for name in names[:6]) for line in held
    ]
    assert [row.position for row in rows] == [f"line {number}" for number in range(2, len(held) + 2)]
    assert {(row.timestamp_text, row.interval, row.calendar, row.clock, row.kind) for row in rows} == {
        (day, "1day", "XBOM", "exchange", "candle")
    }
    assert {(row.adjustment, row.zone_text, row.provider) for row in rows} == {("raw", None, "bse")}
    assert all(row.symbol_text == row.symbol for row in rows)
    assert (
        len(rows),
        sum(int(row.volume_text) for row in rows),
        sum(Decimal(row.close_text) for row in rows),
        sum(row.asset_class == "bond" for row in rows),
    ) == SUMS[file]


@pytest.mark.parametrize("file", REAL)
def test_the_instruments_of_a_real_file_are_those_it_names(
    engine: SparkSession, captures: Path, file: str
) -> None:
    names = REAL[file][2].split(",")

    rows_df = parse_bse_instruments(landed(engine, [real_body(captures, file)]))

    text = (captures / "cassettes/bse_bhavcopy_equity" / file).read_text()
    shown = ("symbol", "isin", "series", "name")
    columns = (names[0], *names[6:])
    assert tuple(rows_df.columns) == RAW_INSTRUMENT_COLUMNS
    assert [tuple(row[name] for name in shown) for row in in_order(rows_df.collect())] == [
        tuple(line[name].strip() for name in columns) for line in csv.DictReader(io.StringIO(text))
    ]
    assert {tuple(row) for row in rows_df.select("exchange", "currency", "status").distinct().collect()} == {
        ("BSE", "INR", "active")
    }
    assert rows_df.filter("instrument_text <> isin").count() == 0


def test_real_bars_are_usable_as_they_are(engine: SparkSession, captures: Path) -> None:
    raw_df = parse_bse_bars(landed(engine, [real_body(captures, file) for file in REAL]))

    validated = validate_bars(raw_df, xbom(engine)).collect()

    assert len(validated) == 90
    assert {reason for row in validated for reason in row.reasons} == set()
    assert {row.trade_dt for row in validated} == {date(2024, 1, 15), date(2026, 8, 14)}


def test_the_real_mangled_line_is_set_aside_whole_and_not_halved(
    engine: SparkSession, captures: Path
) -> None:
    content = (captures / "bse_legacy_mangled_line_2022-02-07.csv").read_bytes()
    body = zipped("EQ_ISINCODE_070222.CSV", content.rstrip() + f"\n{LINE_18}\n".encode())

    validated = in_order(validate_bars(parse_bse_bars(landed(engine, [body])), xbom(engine)).collect())

    mangled = content.decode().splitlines()[1]
    assert [(row.symbol, row.position, row.timestamp_text) for row in validated] == [
        ("ALL", "line 2", mangled),
        ("500002", "line 3", "2022-02-07"),
    ]
    assert [list(row.reasons) for row in validated] == [["unreadable_number", "unreadable_time"], []]


def test_a_blank_close_is_set_aside(engine: SparkSession) -> None:
    body = f"{HEADER_18}\n{LINE_18}\n{LINE_18.replace(',1.15,1.15,', ',,1.15,')}\n".encode()

    validated = in_order(validate_bars(parse_bse_bars(landed(engine, [body])), xbom(engine)).collect())

    assert [(row.close_text, list(row.reasons)) for row in validated] == [
        ("1.15", []),
        (None, ["unreadable_number"]),
    ]


def test_14_columns_are_dated_by_the_name_in_the_zip(engine: SparkSession) -> None:
    content = f"{HEADER_14}\n{LINE_14}\n".encode()
    dated = bars(engine, zipped("EQ070222.CSV", content))
    undated = bars(engine, zipped("BHAV.CSV", content))

    assert [(row.symbol, row.timestamp_text) for row in dated] == [("500002", "2022-02-07")]
    assert [(row.symbol, row.timestamp_text) for row in undated] == [("500002", None)]
    (scrip,) = parse_bse_instruments(landed(engine, [zipped("EQ070222.CSV", content)])).collect()
    assert (scrip.symbol, scrip.name, scrip.isin, scrip.instrument_text) == (
        "500002",
        "ABB LTD.",
        None,
        None,
    )


@pytest.mark.parametrize(
    "line",
    [LINE_18 + ",", LINE_18[:-20], LINE_18.replace("500002", "SC0002"), 'x"' + LINE_18, f'"{LINE_18}'],
    ids=["a cell more", "cells less", "no code", "a quote before", "a quote that never ends"],
)
def test_a_line_that_cannot_be_read_is_kept_as_it_is(spark: SparkSession, line: str) -> None:
    rows = bars(spark, f"{HEADER_18}\n{line}\n{LINE_18}\n".encode())

    assert [(row.symbol, row.timestamp_text, row.close_text) for row in rows] == [
        ("ALL", line, None),
        ("500002", "2022-02-07", "1.15"),
    ]


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04 cut", b"<html></html>", HEADER_18.encode()])
def test_a_payload_without_lines_does_not_vanish(spark: SparkSession, body: bytes) -> None:
    (bar,) = bars(spark, body)
    (scrip,) = parse_bse_instruments(landed(spark, [body])).collect()

    assert (bar.symbol, bar.position, bar.timestamp_text, bar.close_text) == ("ALL", "/", None, None)
    assert (scrip.symbol, scrip.symbol_text, scrip.status) == ("ALL", None, None)


def test_other_datasets_are_left_alone(spark: SparkSession) -> None:
    assert parse_bse_bars(landed(spark, [LINE_18.encode()], dataset="delivery")).count() == 0


def xbom(engine: SparkSession) -> DataFrame:
    return sessions_frame(engine, ("XBOM",), date(2022, 1, 1), date(2026, 12, 31))
