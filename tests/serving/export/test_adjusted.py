"""Adjusted exports: each read is limited, and the rows equal the view over the whole table."""

import random
import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from serving.export.layouts import DAILY, INTRADAY, Layout
from serving.export.objects import objects, session_ranges
from serving.export.request import ExportRequest
from serving.export.source import ExportSource, open_source, read_range, sessions
from tests.builders.patchy_lake import DAYS, patchy, view_rows
from tests.builders.reader_lake import LEARNED, action
from tests.builders.sample_lake import Row, add, bar

MANY = [f"S{number:02}" for number in range(20)]
READ = re.compile(r"\(SELECT \* FROM stored WHERE (.*?)\) AS needed_bars", re.DOTALL)


def exported_rows(source: ExportSource) -> list[Row]:
    found = sessions(source)
    tables = [read_range(source, each) for each in session_ranges(found, source.rows_at_once)]
    rows: list[Row] = pa.concat_tables(tables).to_pylist()
    return rows


def view_of(lake: Lake, request: ExportRequest, interval: str) -> list[Row]:
    rows: list[Row] = [
        row
        for row in view_rows(lake, str(request.adjusted), request.as_of).to_pylist()
        if row["interval"] == interval and row["provider"] == request.provider
        if not request.start or row["trade_dt"] >= request.start
        if not request.end or row["trade_dt"] <= request.end
        if not request.symbols or row["symbol"] in request.symbols
    ]
    return sorted(rows, key=lambda row: (row["trade_dt"], row["symbol"], row["timestamp"]))


def rows_read(source: ExportSource) -> tuple[ExportSource, list[int]]:
    """The source, and how many bars each query of adjusted ones takes from the table, as they are asked."""
    counts: list[int] = []

    def watched(sql: str) -> pa.Table:
        if taken := READ.search(sql):
            counted = source.run_sql(f"SELECT count(*) AS rows FROM stored WHERE {taken[1]}")
            counts.append(counted["rows"][0].as_py())
        return source.run_sql(sql)

    return replace(source, run_sql=watched), counts


@pytest.mark.parametrize(("seed", "as_of"), [(0, None), (2, LEARNED - timedelta(days=5))])
@pytest.mark.parametrize("adjusted", ["split", "total"])
def test_exported_rows_equal_the_view_over_the_whole_table(
    lake: Lake, seed: int, as_of: datetime | None, adjusted: str
) -> None:
    choose = random.Random(seed)
    patchy(lake, choose)
    layouts: list[tuple[Layout, str, str]] = [(DAILY, "1day", "yahoo"), (INTRADAY, "1min", "alphavantage")]
    for layout, interval, provider in layouts:
        start, end = sorted(choose.sample(DAYS, 2))
        ranges = (None, None), (start, end)
        for first, last in ranges:
            asked: dict[str, Any] = {"interval": interval, "provider": provider, "adjusted": adjusted}
            request = ExportRequest(start=first, end=last, as_of=as_of, **asked)
            expected = view_of(lake, request, interval)
            for rows_at_once in (1, 9, 100_000):
                found = exported_rows(open_source(lake, layout, request, rows_at_once))
                assert found == [{name: row[name] for name in found[0]} for row in expected], rows_at_once


def many(lake: Lake, interval: str, actions: list[Row]) -> None:
    create_tables(lake, (BARS, CORPORATE_ACTIONS))
    for symbol in MANY:
        add(lake, BARS, *(bar(symbol, day, interval, "100", known_from=LEARNED) for day in DAYS))
    add(lake, CORPORATE_ACTIONS, *actions)


@pytest.mark.parametrize(("layout", "interval"), [(DAILY, "1day"), (INTRADAY, "1min")])
def test_a_range_reads_its_rows_and_one_session_per_later_payment(
    lake: Lake, layout: Layout, interval: str
) -> None:
    paid = [action("dividend", DAYS[-1], amount=Decimal(1), symbol=symbol) for symbol in MANY[:3]]
    many(lake, interval, [*paid, action("dividend", DAYS[1], amount=Decimal(2), symbol=MANY[5])])
    request = ExportRequest(adjusted="total", provider="alphavantage")
    source, counts = rows_read(open_source(lake, layout, request, rows_at_once=2 * len(MANY)))
    rows = exported_rows(source)
    assert max(counts) <= 2 * len(MANY) + len(paid) + 1
    assert len(counts) == len(DAYS) / 2
    assert rows == [{name: row[name] for name in rows[0]} for row in view_of(lake, request, interval)]


def test_a_large_session_is_read_a_few_symbols_at_a_time(lake: Lake) -> None:
    many(lake, "1day", [action("dividend", DAYS[-1], amount=Decimal(1), symbol=symbol) for symbol in MANY])
    request = ExportRequest(adjusted="total", end=DAYS[1])
    source, counts = rows_read(open_source(lake, DAILY, request, rows_at_once=4))
    held = [each.key for each in objects(source, sessions(source))]
    assert held == [DAILY.key(day, symbol) for day in DAYS[:2] for symbol in MANY]
    assert max(counts) <= 4 + 4, "four symbols' bars, and the close before the payment of each"


def test_closes_for_payments_of_several_symbols_are_read_in_groups(lake: Lake) -> None:
    ex_dts = DAYS[20:28]
    payments = [
        action("dividend", day, amount=Decimal(1), symbol=symbol) for symbol in MANY for day in ex_dts
    ]
    many(lake, "1day", payments)
    request = ExportRequest(adjusted="total", end=DAYS[0], provider="alphavantage")
    source, counts = rows_read(open_source(lake, DAILY, request, rows_at_once=len(MANY)))
    rows = exported_rows(source)
    assert max(counts) <= 2 * len(MANY)
    assert rows == [{name: row[name] for name in rows[0]} for row in view_of(lake, request, "1day")]


def test_a_provider_that_adjusts_its_bars_is_recognised_anywhere_in_the_table(lake: Lake) -> None:
    create_tables(lake, (BARS, CORPORATE_ACTIONS))
    adjusted = bar("AAPL", DAYS[0], "1min", "50", provider="yahoo", adjustment="split", known_from=LEARNED)
    own = [bar("AAPL", day, "1min", "100", known_from=LEARNED) for day in DAYS[10:20]]
    add(lake, BARS, adjusted, *own)
    cash = {"provider": "yahoo", "amount": Decimal(4)}
    split = action("split", DAYS[20], ratio=Decimal(2))
    add(lake, CORPORATE_ACTIONS, action("dividend", DAYS[18]) | cash, split)
    request = ExportRequest(adjusted="total", provider="alphavantage", start=DAYS[10])
    rows = exported_rows(open_source(lake, INTRADAY, request, rows_at_once=3))
    assert rows == [{name: row[name] for name in rows[0]} for row in view_of(lake, request, "1min")]
    assert rows[0]["close"] == Decimal(46), "4 new dollars of a close of 50 new dollars"


def test_a_bar_without_a_positive_close_is_not_used(lake: Lake) -> None:
    create_tables(lake, (BARS, CORPORATE_ACTIONS))
    days = zip(DAYS[:4], ("100", "50", "0", "50"), strict=True)
    add(lake, BARS, *(bar("AAPL", day, "1day", close, known_from=LEARNED) for day, close in days))
    add(lake, CORPORATE_ACTIONS, action("dividend", DAYS[3], amount=Decimal(1)))
    request = ExportRequest(adjusted="total", end=date(2025, 12, 15), provider="alphavantage")
    rows = exported_rows(open_source(lake, DAILY, request))
    assert [row["close"] for row in rows] == [Decimal(98)]
