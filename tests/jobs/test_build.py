"""Silver and Gold built from landed payloads, on both engines, on real Delta tables."""

from datetime import date
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession

from delta_tables.arrow_io import read_rows
from delta_tables.create_tables import open_table
from delta_tables.gold import DAILY_KPIS, SIGNALS, STOCK_OVERVIEW
from delta_tables.lake import Lake
from delta_tables.silver import BARS, FUNDAMENTALS, QUARANTINE
from tests.lakes import CONTENT_TABLES, build_lake, hashes, land_rows
from tests.payloads import DAYS, at, bar, daily, intraday, overview

HISTORY = {day: bar(f"{10 + number / 10:.1f}", str(1000 + number)) for number, day in enumerate(DAYS)}


def history_of(lake: Lake, symbol: str, day: date) -> list[tuple[str, object, object]]:
    rows = read_rows(lake, BARS, where=f"symbol = '{symbol}' AND trade_dt = date '{day}'").to_pylist()
    return [(str(row["close"]), row["known_from"], row["known_to"]) for row in sorted(rows, key=lambda r: r["known_from"])]


def test_a_correction_closes_the_old_row_and_only_touches_its_own_bar(engine: SparkSession, lake: Lake) -> None:
    land_rows(lake, [daily("A", HISTORY)])
    build_lake(engine, lake)
    land_rows(lake, [daily("A", {**HISTORY, DAYS[3]: bar("10.9", "1003")}, at(5))])
    built = build_lake(engine, lake)
    corrected = date.fromisoformat(DAYS[3])
    assert history_of(lake, "A", corrected) == [("10.300000", at(0), at(5)), ("10.900000", at(5), None)]
    assert built[0].result.rows_out == 2
    assert read_rows(lake, BARS).num_rows == len(DAYS) + 1


def test_redelivery_changes_no_table(engine: SparkSession, lake: Lake) -> None:
    land_rows(lake, [daily("A", HISTORY), overview("A")])
    build_lake(engine, lake)
    before = {table.full_name: open_table(lake, table).version() for table in CONTENT_TABLES}
    land_rows(lake, [daily("A", HISTORY, at(9)), overview("A", at(9))])
    build_lake(engine, lake)
    assert {table.full_name: open_table(lake, table).version() for table in CONTENT_TABLES} == before


def test_older_knowledge_arriving_late_takes_its_place_and_overwrites_nothing(
    engine: SparkSession, lake: Lake
) -> None:
    day = DAYS[-1]
    for hours, close in ((1, "10.1"), (5, "10.1"), (10, "10.2")):
        land_rows(lake, [daily("A", {day: bar(close)}, at(hours))])
        build_lake(engine, lake)
    land_rows(lake, [daily("A", {day: bar("10.7")}, at(3))])
    build_lake(engine, lake)
    assert history_of(lake, "A", date.fromisoformat(day)) == [
        ("10.100000", at(1), at(3)),
        ("10.700000", at(3), at(5)),
        ("10.100000", at(5), at(10)),
        ("10.200000", at(10), None),
    ]


def test_faulty_rows_are_set_aside_once_with_their_reasons(engine: SparkSession, lake: Lake) -> None:
    faulty = {**HISTORY, DAYS[0]: ("10", "9", "9", "9.5", "1")}
    land_rows(lake, [daily("A", faulty)])
    build_lake(engine, lake)
    land_rows(lake, [daily("A", faulty | {DAYS[1]: bar("10.8")}, at(2))])
    build_lake(engine, lake)
    (row,) = read_rows(lake, QUARANTINE).to_pylist()
    assert (row["position"], row["reasons"]) == (f"/Time Series (Daily)/{DAYS[0]}", ["high_not_highest"])
    assert row["first_seen_at"] == at(0)


def test_kpis_come_from_the_bars_of_the_regular_session(engine: SparkSession, lake: Lake) -> None:
    bars = {
        "2010-08-20 09:00:00": ("90", "99", "90", "95", "7"),
        "2010-08-20 09:30:00": ("10", "12", "9", "11", "100"),
        "2010-08-20 15:55:00": ("11", "13", "10", "12", "300"),
        "2010-08-20 16:00:00": ("90", "99", "90", "95", "7"),
    }
    land_rows(lake, [intraday("A", bars)])
    build_lake(engine, lake)
    (row,) = read_rows(lake, DAILY_KPIS).to_pylist()
    assert [row[name] for name in ("open", "high", "low", "close", "volume")] == [10, 13, 9, 12, 400]
    typical = [Decimal(32) / 3, Decimal(35) / 3]
    assert row["average_price"] == round(sum(typical) / 2, 6)
    assert row["vwap"] == round((typical[0] * 100 + typical[1] * 300) / 400, 6)
    assert (row["bar_count"], row["expected_bars"]) == (2, 78)


def test_price_change_looks_at_the_last_session_with_a_bar(engine: SparkSession, lake: Lake) -> None:
    with_gap = {DAYS[0]: bar("10"), DAYS[4]: bar("11")}
    land_rows(lake, [daily("A", with_gap)])
    build_lake(engine, lake)
    rows = sorted(read_rows(lake, DAILY_KPIS).to_pylist(), key=lambda row: row["trade_dt"])
    assert [(row["price_change"], row["price_change_pct"]) for row in rows] == [(None, None), (1, 10)]


def test_signals_give_value_threshold_verdict_and_reason(engine: SparkSession, lake: Lake) -> None:
    volumes = {day: bar("10", "100") for day in DAYS[:-1]} | {DAYS[-1]: bar("10", "250")}
    land_rows(lake, [daily("A", volumes), overview("A", EPS="0.2")])
    build_lake(engine, lake, signals={"pe_ratio_threshold": 40})
    rows = read_rows(lake, SIGNALS, where=f"trade_dt = date '{DAYS[-1]}'").to_pylist()
    verdicts = {row["signal"]: (row["value"], row["threshold"], row["is_triggered"], row["reason"]) for row in rows}
    assert verdicts == {
        "Volume Spike % Alert": (150, 100, True, "volume is 150.0% against the mean of the last 20 sessions"),
        "P/E Ratio Alert": (50, 40, True, "a share costs 50.0 times its yearly earnings"),
    }
    (wide,) = read_rows(lake, STOCK_OVERVIEW, where=f"trade_dt = date '{DAYS[-1]}'").to_pylist()
    assert wide["triggered_signals"] == "P/E Ratio Alert, Volume Spike % Alert"


@pytest.mark.parametrize(
    ("eps", "reason"),
    [
        ("None", "no earnings were known at the session's end"),
        ("-1.5", "earnings are not positive: the ratio means nothing"),
    ],
)
def test_no_earnings_no_ratio(engine: SparkSession, lake: Lake, eps: str, reason: str) -> None:
    land_rows(lake, [daily("A", {DAYS[-1]: bar()}), overview("A", EPS=eps)])
    build_lake(engine, lake)
    (row,) = read_rows(lake, SIGNALS, where="signal = 'P/E Ratio Alert'").to_pylist()
    assert (row["value"], row["is_triggered"], row["reason"]) == (None, False, reason)


def test_earnings_count_from_the_session_on_at_whose_end_they_were_known(engine: SparkSession, lake: Lake) -> None:
    land_rows(lake, [daily("A", {day: bar("10") for day in DAYS}), overview("A", at(0), EPS="2")])
    build_lake(engine, lake)
    rows = read_rows(lake, SIGNALS, where="signal = 'P/E Ratio Alert'").to_pylist()
    assert {str(row["trade_dt"]): row["value"] for row in rows} == dict.fromkeys(DAYS[:-1]) | {DAYS[-1]: 5}


def test_overview_figures_follow_their_formulas(engine: SparkSession, lake: Lake) -> None:
    closes = [10.0, 11.0, 9.9, 10.4, 10.1, 10.6, 10.2]
    land_rows(lake, [daily("A", {day: bar(f"{close}") for day, close in zip(DAYS, closes, strict=True)})])
    build_lake(engine, lake)
    (row,) = read_rows(lake, STOCK_OVERVIEW, where=f"trade_dt = date '{DAYS[-1]}'").to_pylist()
    returns = [round((b - a) * 100 / a, 6) for a, b in zip(closes, closes[1:], strict=False)]
    mean = sum(returns) / len(returns)
    deviation = (sum((each - mean) ** 2 for each in returns) / (len(returns) - 1)) ** 0.5
    assert row["7d_avg"] == pytest.approx(Decimal(sum(closes) / 7), abs=Decimal("0.000001"))
    assert float(row["volatility_score"]) == pytest.approx(deviation * 252**0.5, abs=1e-5)


def test_gold_rows_that_a_correction_does_not_reach_keep_their_run(engine: SparkSession, lake: Lake) -> None:
    land_rows(lake, [daily("A", HISTORY), daily("B", HISTORY)])
    build_lake(engine, lake)
    first_run = set(read_rows(lake, STOCK_OVERVIEW, ["run_id"])["run_id"].to_pylist())
    land_rows(lake, [daily("A", {**HISTORY, DAYS[-1]: bar("10.9")}, at(5))])
    build_lake(engine, lake)
    changed = [row for row in read_rows(lake, STOCK_OVERVIEW).to_pylist() if row["run_id"] not in first_run]
    assert [(row["symbol"], str(row["trade_dt"])) for row in changed] == [("A", DAYS[-1])]


def test_overviews_become_fundamentals_with_their_history(engine: SparkSession, lake: Lake) -> None:
    land_rows(lake, [overview("A", EPS="2", PERatio="None", MarketCapitalization="-")])
    build_lake(engine, lake)
    land_rows(lake, [overview("A", at(24), EPS="3.5", MarketCapitalization="123456")])
    build_lake(engine, lake)
    rows = sorted(read_rows(lake, FUNDAMENTALS).to_pylist(), key=lambda row: row["known_from"])
    assert [(row["eps"], row["market_cap"], row["known_to"]) for row in rows] == [
        (2, None, at(24)),
        (Decimal("3.5"), 123456, None),
    ]


def test_unreadable_facts_are_set_aside(engine: SparkSession, lake: Lake) -> None:
    land_rows(lake, [overview("A", EPS="1.2.3"), overview("B", Symbol="C")])
    build_lake(engine, lake)
    rows = read_rows(lake, QUARANTINE).to_pylist()
    assert {row["symbol"]: row["reasons"] for row in rows} == {
        "A": ["unreadable_number"],
        "B": ["other_symbol"],
    }


@pytest.mark.spark
def test_both_engines_give_the_same_hash_of_every_table(
    spark: SparkSession, apache_spark: SparkSession, lake: Lake
) -> None:
    prices = pytest.importorskip("flows.simulator.prices").load_histories()
    rows = []
    for symbol in ("AAPL", "ADP", "C", "JPM"):
        bars = {
            f"{each.trade_dt}": tuple(str(value) for value in (each.open, each.high, each.low, each.close, each.volume))
            for each in prices[symbol]
        }
        rows += [daily(symbol, bars), overview(symbol, EPS="1.3")]
    rows.append(intraday("AAPL", {f"2010-08-20 10:{minute:02d}:00": bar("10.3") for minute in range(0, 60, 5)}))
    found = []
    for name, session in (("embedded", spark), ("apache", apache_spark)):
        own = Lake(f"{lake.root}/{name}")
        land_rows(own, rows)
        build_lake(session, own)
        found.append(hashes(own))
    assert found[0] == found[1]
