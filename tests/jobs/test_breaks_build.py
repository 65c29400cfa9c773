"""gold.bar_breaks built from landed payloads: found, named, healed, whatever came first."""

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.content_hash import content_hash
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.tables.gold import SIGNALS, STOCK_OVERVIEW
from delta_tables.tables.gold_reconciliation import BAR_BREAKS
from flows.handlers import alphavantage, yahoo
from flows.handlers.models import Query
from flows.landing.payloads import append_payloads
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.server import Simulator
from flows.simulator.service import SimulatorConfig
from jobs.pipelines.gold.sessions import rebuild_gold
from tests.builders.lakes import build_lake, land_rows, workspace
from tests.builders.payloads import DAYS, at, bar, daily, payload

NOW = datetime(2010, 8, 20, 22, 30, tzinfo=UTC)
FIRST, LAST = date(2010, 8, 2), date(2010, 8, 20)
SYMBOLS = ("AAPL", "IBM")
AV, YAHOO = "alphavantage", "yahoo"


def breaks(lake: Lake) -> list[tuple[Any, ...]]:
    """(symbol, day, field, status, provider_a, provider_b, basis), sorted."""
    names = ("symbol", "trade_dt", "field", "status", "provider_a", "provider_b", "basis")
    rows = read_rows(lake, BAR_BREAKS, names).to_pylist()
    return sorted((row["symbol"], str(row["trade_dt"]), *list(row.values())[2:]) for row in rows)


def fetch(lake: Lake, simulator: Simulator, state: Path, now: datetime) -> None:
    """Lands the daily bars of two providers, asked through their handlers."""
    key, base = "a-key-of-nobody", simulator.base
    at_av = alphavantage.connect(key, state, plan="unmetered", base_url=simulator.url, clock=lambda: now)
    at_yahoo = yahoo.connect(state, base_url=f"{base}/yahoo/v8/finance/chart", clock=lambda: now)
    with closing(at_av), closing(at_yahoo):
        for symbol in SYMBOLS:
            append_payloads(lake, list(at_av.fetch(Query("daily", symbol))), "landed")
            append_payloads(
                lake, list(at_yahoo.fetch(Query("daily", symbol, start=FIRST, end=LAST))), "landed"
            )


def test_a_planted_difference_is_found_and_named_and_disappears_when_it_heals(
    engine: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    """A corrected answer names itself simulated as a whole, so both providers are given one."""
    planted = [
        Fault(FaultKind.CORRECTIONS, symbols=("AAPL",), functions=(function,), keys=(day,))
        for function, day in (("TIME_SERIES_DAILY", "2010-08-16"), ("CHART", "2010-08-12"))
    ]
    with Simulator(SimulatorConfig(clock=NOW, faults=tuple(planted))) as simulator:
        workspace(lake)
        fetch(lake, simulator, tmp_path / "state", NOW)
        build_lake(engine, lake)
        assert breaks(lake) == [
            ("AAPL", day, "close", "differs", AV, YAHOO, "split") for day in ("2010-08-12", "2010-08-16")
        ]
        (row,) = read_rows(lake, BAR_BREAKS, where="trade_dt = date '2010-08-16'").to_pylist()
        assert row["difference"] == row["value_b"] - row["value_a"]
        assert (row["unit"], row["tolerance"], row["is_simulated"]) == ("bp", 10, True)
        assert row["relative_difference"] > row["tolerance"]
        for table in (STOCK_OVERVIEW, SIGNALS):
            assert set(read_rows(lake, table, ["provider"])["provider"].to_pylist()) == {AV}

        simulator.service.set_faults(())
        fetch(lake, simulator, tmp_path / "state", NOW + timedelta(hours=1))
        build_lake(engine, lake)
        assert breaks(lake) == []


def test_gold_computed_from_another_provider_names_it(spark: SparkSession, lake: Lake) -> None:
    both = {day: bar("10.5") for day in DAYS}
    land_rows(lake, [daily("IBM", both), chart("IBM", {**both, DAYS[2]: bar("10.9")})])
    build_lake(spark, lake)
    closes = {row["provider"]: row["close"] for row in overview_of(lake)}
    turned = workspace(lake, reconciliation={"provider_order": ["yahoo"]})
    rebuild_gold(turned, spark)
    assert {AV: closes[AV]} == closes
    assert [(row["provider"], float(row["close"])) for row in overview_of(lake)] == [(YAHOO, 10.9)]
    assert breaks(lake) == [("IBM", DAYS[2], "close", "differs", YAHOO, AV, "split")]


def overview_of(lake: Lake) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_rows(
        lake, STOCK_OVERVIEW, ["provider", "close"], f"trade_dt = date '{DAYS[2]}'"
    ).to_pylist()
    return rows


def chart(
    symbol: str,
    bars: Mapping[str, tuple[str, ...]],
    fetched_at: datetime = NOW,
) -> dict[str, Any]:
    """A chart of Yahoo's with daily bars by date."""
    opening = ZoneInfo("America/New_York")
    seconds = {
        day: int(datetime.combine(date.fromisoformat(day), time(9, 30), opening).timestamp()) for day in bars
    }
    names = ("open", "high", "low", "close", "volume")
    quote = {name: [float(values[place]) for values in bars.values()] for place, name in enumerate(names)}
    meta = {"currency": "USD", "symbol": symbol.replace(".", "-"), "exchangeName": "NYQ"}
    meta |= {"instrumentType": "EQUITY", "exchangeTimezoneName": "America/New_York", "dataGranularity": "1d"}
    result = {"meta": meta, "timestamp": list(seconds.values()), "indicators": {"quote": [quote]}}
    body = {"chart": {"result": [result], "error": None}}
    row = {"provider": YAHOO, "dataset": "daily", "symbol": symbol, "interval": "1day", "body": body}
    return payload(**row, fetched_at=fetched_at)


def test_any_order_of_arrival_gives_the_same_breaks_as_one_run_over_all(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    plain = {day: bar("10.5") for day in DAYS}
    story = [
        daily("IBM", plain, at(0)),
        daily("IBM", {**plain, DAYS[3]: bar("10.7")}, at(9)),
        chart("IBM", {DAYS[0]: plain[DAYS[0]], DAYS[1]: bar("10.9")}, at(1)),
        chart("IBM", {day: plain[day] for day in DAYS if day not in (DAYS[4], DAYS[5])}, at(2)),
        chart("IBM", {DAYS[5]: bar("10.5", "2000")}, at(3)),
    ]
    land_rows(lake, story)
    build_lake(spark, lake)
    expected = [
        ("IBM", DAYS[3], "close", "differs", AV, YAHOO, "split"),
        ("IBM", DAYS[4], "bar", "missing", AV, YAHOO, "raw"),
        ("IBM", DAYS[5], "volume", "differs", AV, YAHOO, "split"),
    ]
    assert breaks(lake) == expected
    for number, order in enumerate(((0, 1, 4, 2, 3), (1, 3, 4, 2, 0))):
        other = Lake(str(tmp_path / f"other{number}"))
        for part in (order[:2], order[2:4], order[4:]):
            land_rows(other, [story[each] for each in part])
            build_lake(spark, other)
        assert content_hash(other, BAR_BREAKS) == content_hash(lake, BAR_BREAKS)

    before = open_table(lake, BAR_BREAKS).version()
    rebuild_gold(workspace(lake), spark)
    assert open_table(lake, BAR_BREAKS).version() == before


def test_symbols_that_the_watch_list_holds_for_one_are_compared(spark: SparkSession, lake: Lake) -> None:
    land_rows(lake, [daily("BRK.B", {DAYS[0]: bar("10.5")}), chart("BRK-B", {DAYS[0]: bar("10.9")})])
    build_lake(spark, lake, watch_list={"stocks": ["BRK-B"]})
    assert breaks(lake) == [("BRK-B", DAYS[0], "close", "differs", AV, YAHOO, "split")]


def test_a_split_learned_later_heals_what_it_explains(spark: SparkSession, lake: Lake) -> None:
    raw, adjusted = ("40", "44", "36", "42", "1000"), ("10", "11", "9", "10.5", "4000")
    land_rows(lake, [daily("IBM", {DAYS[0]: raw}), chart("IBM", {DAYS[0]: adjusted})])
    build_lake(spark, lake)
    assert {row[2:4] for row in breaks(lake)} == {
        (field, "differs") for field in ("open", "high", "low", "close", "volume")
    }
    splits_body = {"symbol": "IBM", "data": [{"effective_date": DAYS[3], "split_factor": "4.0000"}]}
    land_rows(lake, [payload(dataset="splits", symbol="IBM", fetched_at=at(1), body=splits_body)])
    build_lake(spark, lake)
    assert breaks(lake) == []
