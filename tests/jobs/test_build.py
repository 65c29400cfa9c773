"""Silver and Gold built from landed payloads, on both engines, on real Delta tables.

One story is landed and built in four deliveries, once an engine; each test looks at its own symbols.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.gold import DAILY_KPIS, SIGNALS, STOCK_OVERVIEW
from delta_tables.tables.silver import BARS, FUNDAMENTALS, QUARANTINE
from flows.simulator.market.real_prices import load_histories
from jobs.runs.stage import StageResult
from tests.builders.interpreted import compiled
from tests.builders.lakes import CONTENT_TABLES, build_lake, hashes, land_rows
from tests.builders.payloads import DAYS, at, bar, daily, intraday, overview

HISTORY = {day: bar(f"{10 + number / 10:.1f}", str(1000 + number)) for number, day in enumerate(DAYS)}
FAULTY = {**HISTORY, DAYS[0]: ("10", "9", "9", "9.5", "1")}
CLOSES = [10.0, 11.0, 9.9, 10.4, 10.1, 10.6, 10.2]
LAST = DAYS[-1]
INTRADAY = {
    "2010-08-20 09:00:00": ("90", "99", "90", "95", "7"),
    "2010-08-20 09:30:00": ("10", "12", "9", "11", "100"),
    "2010-08-20 15:55:00": ("11", "13", "10", "12", "300"),
    "2010-08-20 16:00:00": ("90", "99", "90", "95", "7"),
}


def first_delivery() -> list[dict[str, Any]]:
    quiet = {day: bar("10", "100") for day in DAYS}
    return [
        *(daily(symbol, HISTORY) for symbol in ("CORRECTED", "UNTOUCHED", "LASTDAY")),
        daily("LATE", {LAST: bar("10.1")}, at(1)),
        daily("FAULTY", FAULTY),
        intraday("INTRADAY", INTRADAY),
        daily("GAP", {DAYS[0]: bar("10"), DAYS[4]: bar("11")}),
        daily("SPIKE", quiet | {LAST: bar("10", "250")}),
        overview("SPIKE", EPS="0.2"),
        *(daily(symbol, {LAST: bar("10")}) for symbol in ("NOEPS", "LOSS")),
        overview("NOEPS", EPS="None", PERatio="-", MarketCapitalization="N/A"),
        overview("LOSS", EPS="-1.5"),
        daily("EARNS", quiet),
        overview("EARNS", EPS="2"),
        daily("FORMULA", {day: bar(f"{close}") for day, close in zip(DAYS, CLOSES, strict=True)}),
        overview("BADFACT", EPS="1.2.3"),
        overview("OTHER", Symbol="ELSE"),
        *real_histories("AAPL", "ADP"),
    ]


def real_histories(*symbols: str) -> list[dict[str, Any]]:
    return [
        daily(
            symbol,
            {
                str(each.trade_dt): (
                    str(each.open),
                    str(each.high),
                    str(each.low),
                    str(each.close),
                    str(each.volume),
                )
                for each in load_histories()[symbol]
            },
        )
        for symbol in symbols
    ]


def deliveries() -> list[list[dict[str, Any]]]:
    second = [
        daily("CORRECTED", {**HISTORY, DAYS[3]: bar("10.9", "1003")}, at(5)),
        daily("LASTDAY", {**HISTORY, LAST: bar("10.9")}, at(5)),
        daily("LATE", {LAST: bar("10.1")}, at(5)),
        daily("LATE", {LAST: bar("10.2")}, at(10)),
        daily("FAULTY", FAULTY | {DAYS[1]: bar("10.8")}, at(2)),
        overview("EARNS", at(24), EPS="3.5", MarketCapitalization="123456"),
    ]
    late = [daily("LATE", {LAST: bar("10.7")}, at(3))]
    again = [{**row, "fetched_at": at(48)} for row in (first_delivery()[1], second[-1], second[0])]
    return [first_delivery(), second, late, again]


@dataclass(frozen=True)
class Story:
    """A lake after the deliveries, what each build came to, and the table versions before the last."""

    lake: Lake
    built: list[list[StageResult]]
    versions_before_redelivery: dict[str, int]

    def rows(self, table: Table, symbol: str, day: str | None = None) -> list[dict[str, Any]]:
        dated = f" AND trade_dt = date '{day}'" if day else ""
        found: list[dict[str, Any]] = read_rows(
            self.lake, table, where=f"symbol = '{symbol}'{dated}"
        ).to_pylist()
        return found

    def history(self, symbol: str, day: str) -> list[tuple[str, datetime, datetime | None]]:
        rows = sorted(self.rows(BARS, symbol, day), key=lambda row: row["known_from"])
        return [(f"{row['close']:.1f}", row["known_from"], row["known_to"]) for row in rows]


_STORIES: dict[SparkSession, Story] = {}


def tell(engine: SparkSession, factory: pytest.TempPathFactory) -> Story:
    """The story, landed and built on this engine once."""
    if engine not in _STORIES:
        lake = Lake(str(factory.mktemp("story") / "lake"))
        built: list[list[StageResult]] = []
        versions: dict[str, int] = {}
        for delivery in deliveries():
            versions = table_versions(lake) if built else {}
            land_rows(lake, delivery)
            with compiled(engine):
                built.append(build_lake(engine, lake))
        _STORIES[engine] = Story(lake, built, versions)
    return _STORIES[engine]


@pytest.fixture(scope="module")
def story(engine: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return tell(engine, tmp_path_factory)


def table_versions(lake: Lake) -> dict[str, int]:
    return {table.full_name: open_table(lake, table).version() for table in CONTENT_TABLES}


def test_every_gate_of_every_build_let_its_batch_through(story: Story) -> None:
    assert {stage.status for stages in story.built for stage in stages} <= {"done", "nothing_new"}
    assert {gate.status for stages in story.built for stage in stages for gate in stage.gates} <= {
        "pass",
        "warn",
    }


def test_a_correction_closes_the_old_row_and_leaves_the_other_bars_alone(story: Story) -> None:
    assert story.history("CORRECTED", DAYS[3]) == [("10.3", at(0), at(5)), ("10.9", at(5), None)]
    assert len(story.rows(BARS, "CORRECTED")) == len(DAYS) + 1


def test_redelivery_changes_no_table(story: Story) -> None:
    assert table_versions(story.lake) == story.versions_before_redelivery
    assert [row["known_from"] for row in story.rows(BARS, "UNTOUCHED")] == [at(0)] * len(DAYS)


def test_older_knowledge_arriving_late_takes_its_place_and_overwrites_nothing(story: Story) -> None:
    assert story.history("LATE", LAST) == [
        ("10.1", at(1), at(3)),
        ("10.7", at(3), at(5)),
        ("10.1", at(5), at(10)),
        ("10.2", at(10), None),
    ]


def test_a_faulty_row_is_set_aside_once_with_its_reasons(story: Story) -> None:
    (row,) = story.rows(QUARANTINE, "FAULTY")
    assert (row["position"], row["reasons"]) == (f"/Time Series (Daily)/{DAYS[0]}", ["high_not_highest"])
    assert row["first_seen_at"] == at(0)
    assert len(story.rows(BARS, "FAULTY", DAYS[0])) == 0


def test_kpis_come_from_the_bars_of_the_regular_session(story: Story) -> None:
    (row,) = story.rows(DAILY_KPIS, "INTRADAY")
    assert [row[name] for name in ("open", "high", "low", "close", "volume")] == [10, 13, 9, 12, 400]
    typical = [Decimal(32) / 3, Decimal(35) / 3]
    assert row["average_price"] == round(sum(typical) / 2, 6)
    assert row["vwap"] == round((typical[0] * 100 + typical[1] * 300) / 400, 6)
    assert (row["bar_count"], row["expected_bars"]) == (2, 78)


def test_price_change_looks_at_the_last_session_with_a_bar(story: Story) -> None:
    rows = sorted(story.rows(DAILY_KPIS, "GAP"), key=lambda row: row["trade_dt"])
    assert [(row["price_change"], row["price_change_pct"]) for row in rows] == [(None, None), (1, 10)]


def test_signals_give_value_threshold_verdict_and_reason(story: Story) -> None:
    rows = story.rows(SIGNALS, "SPIKE", LAST)
    verdicts = {
        row["signal"]: (row["value"], row["threshold"], row["is_triggered"], row["reason"]) for row in rows
    }
    assert verdicts == {
        "Volume Spike % Alert": (
            150,
            100,
            True,
            "volume is 150.0% above the mean of the last 20 sessions",
        ),
        "P/E Ratio Alert": (50, 40, True, "a share costs 50.0 times its yearly earnings"),
    }
    (wide,) = story.rows(STOCK_OVERVIEW, "SPIKE", LAST)
    assert wide["triggered_signals"] == "P/E Ratio Alert, Volume Spike % Alert"


@pytest.mark.parametrize(
    ("symbol", "reason"),
    [
        ("NOEPS", "no earnings were known at the session's end"),
        ("LOSS", "earnings are not positive: the ratio means nothing"),
    ],
)
def test_no_earnings_no_ratio(story: Story, symbol: str, reason: str) -> None:
    (row,) = (row for row in story.rows(SIGNALS, symbol) if row["signal"] == "P/E Ratio Alert")
    assert (row["value"], row["is_triggered"], row["reason"]) == (None, False, reason)


def test_earnings_count_from_the_session_on_at_whose_end_they_were_known(story: Story) -> None:
    rows = [row for row in story.rows(SIGNALS, "EARNS") if row["signal"] == "P/E Ratio Alert"]
    assert {str(row["trade_dt"]): row["value"] for row in rows} == dict.fromkeys(DAYS[:-1]) | {LAST: 5}


def test_overview_figures_follow_their_formulas(story: Story) -> None:
    (row,) = story.rows(STOCK_OVERVIEW, "FORMULA", LAST)
    returns = [round((after - before) * 100 / before, 6) for before, after in pairwise(CLOSES)]
    mean = sum(returns) / len(returns)
    deviation = (sum((each - mean) ** 2 for each in returns) / (len(returns) - 1)) ** 0.5
    assert float(row["7d_avg"]) == pytest.approx(sum(CLOSES) / 7, abs=1e-6)
    assert float(row["volatility_score"]) == pytest.approx(deviation * 252**0.5, abs=1e-5)


def test_gold_rows_that_a_correction_does_not_reach_keep_their_run(story: Story) -> None:
    runs = {str(row["trade_dt"]): row["run_id"] for row in story.rows(STOCK_OVERVIEW, "LASTDAY")}
    assert len({run for day, run in runs.items() if day != LAST}) == 1
    assert runs[LAST] > runs[DAYS[0]]
    untouched = {row["run_id"] for row in story.rows(STOCK_OVERVIEW, "UNTOUCHED")}
    assert untouched == {runs[DAYS[0]]}


def test_overviews_become_fundamentals_with_their_history(story: Story) -> None:
    rows = sorted(story.rows(FUNDAMENTALS, "EARNS"), key=lambda row: row["known_from"])
    assert [(row["eps"], row["market_cap"], row["known_to"]) for row in rows] == [
        (2, None, at(24)),
        (Decimal("3.5"), 123456, None),
    ]
    (missing,) = story.rows(FUNDAMENTALS, "NOEPS")
    assert (missing["eps"], missing["pe_ratio"], missing["latest_quarter"]) == (None, None, date(2010, 6, 30))


def test_the_overview_of_another_symbol_is_quarantined(story: Story) -> None:
    assert [row["reasons"] for row in story.rows(QUARANTINE, "OTHER")] == [["other_symbol"]]
    assert story.rows(FUNDAMENTALS, "OTHER") == []


def test_an_unreadable_fact_is_quarantined_and_costs_no_other_fact(story: Story) -> None:
    quarantined = [(row["position"], row["reasons"]) for row in story.rows(QUARANTINE, "BADFACT")]
    assert quarantined == [("/EPS", ["unreadable_number"])]
    (facts,) = story.rows(FUNDAMENTALS, "BADFACT")
    assert (facts["eps"], facts["latest_quarter"]) == (None, date(2010, 6, 30))


@pytest.mark.spark
def test_both_engines_give_the_same_hash_of_every_table(
    spark: SparkSession, apache_spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    embedded, apache = (tell(each, tmp_path_factory) for each in (spark, apache_spark))
    assert hashes(embedded.lake) == hashes(apache.lake)
    assert read_rows(apache.lake, STOCK_OVERVIEW).num_rows > 400
