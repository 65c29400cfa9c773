"""The health report and the command `lakehouse health`."""

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import Result

from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.table import Table
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_ticks import TRADES
from serving.errors import ServingError
from serving.health.findings import KINDS, HealthRequest, Thresholds
from serving.health.run import TABLES, health
from serving.health.slices import Slicer, by_session, by_session_and_symbol, by_symbol
from serving.query.selected_rows import select
from tests.builders.sample_lake import add, bar, utc
from tests.serving.command_line import run_command

DAY = date(2026, 1, 5)


def unhealthy_bars() -> list[dict[str, Any]]:
    """Three symbols of minute bars on three days; each kind of finding at least once."""
    rows = []
    for symbol, scale in (("AAPL", 1), ("KO", 2), ("MSFT", 3)):
        for day, price in enumerate((100, 50, 50)):
            for minute in range(40):
                at = utc(DAY, 15) + timedelta(days=day, minutes=minute)
                close = Decimal(price * scale) + (Decimal("0.05") if minute % 2 else 0)
                row = bar(symbol, at.date(), "1min", str(close), timestamp=at)
                rows.append(row | {"volume": Decimal(0 if symbol == "KO" else 9)})
    spike = next(row for row in rows if row["timestamp"] == utc(DAY, 15, 30) and row["symbol"] == "MSFT")
    spike["close"] = Decimal(330)
    gone = [r for r in rows if r["symbol"] == "KO" and utc(DAY, 15, 10) < r["timestamp"] < utc(DAY, 15, 20)]
    last = [r for r in rows if r["symbol"] == "AAPL" and r["trade_dt"] == DAY + timedelta(days=2)]
    return [row for row in rows if row not in [*gone, *last]]


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("health") / "lake"))
    create_tables(lake, [BARS, TRADES])
    add(lake, BARS, *unhealthy_bars())
    return lake


def run_health(lake: Lake, *words: str, is_json: bool = False) -> Result:
    return run_command(lake, "health", *words, is_json=is_json, catches=True)


def test_findings_are_counted_and_shown_with_exit_code_1(bad: Lake) -> None:
    result = run_health(bad, "silver.bars", "--constant-sessions", "2")
    assert result.exit_code == 1
    first, *lines = result.stdout.splitlines()
    assert first == "silver.bars: 311 rows of 3 symbols, 2026-01-05 to 2026-01-07"
    assert "  gaps inside sessions: 1" in lines
    assert "  split-sized jumps without an action: 3" in lines
    assert "  symbols without a new session: 1" in lines
    assert any(line.startswith("gap\tKO\t1min\talphavantage\t2026-01-05T15:10:00+00:00\t") for line in lines)


@pytest.mark.parametrize("words", [("--json",), ()])
def test_json_has_every_kind_of_finding(bad: Lake, words: tuple[str, ...]) -> None:
    result = run_health(bad, "silver.bars", "--constant-sessions", "2", *words, is_json=not words)
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert set(report["counts"]) == set(KINDS) == {each["kind"] for each in report["findings"]}
    assert all(report["counts"].values())
    assert {"symbol", "interval", "started_at", "ended_at", "measured", "threshold", "message"} <= set(
        report["findings"][0]
    )


HEALTHY_ENOUGH = {
    "--gap-minutes": "10",
    "--sigmas": "1000",
    "--split-tolerance-pct": "0",
    "--stale-sessions": "2",
    "--constant-sessions": "3",
    "--min-volume": "0",
    "--min-bars-pct": "0",
}


def test_wide_thresholds_find_nothing_with_exit_code_0(bad: Lake) -> None:
    words = [word for pair in HEALTHY_ENOUGH.items() for word in pair]
    result = run_health(bad, "silver.bars", *words)
    assert (result.exit_code, result.stdout.count(": none")) == (0, 6)


@pytest.mark.parametrize("option", HEALTHY_ENOUGH)
def test_each_option_sets_its_threshold(bad: Lake, option: str) -> None:
    strict = {"--constant-sessions": "2", "--min-bars-pct": "90"}
    options = {name: limit for name, limit in HEALTHY_ENOUGH.items() if name != option}
    options |= {option: strict[option]} if option in strict else {}
    words = [word for pair in options.items() for word in pair]
    assert run_health(bad, "silver.bars", *words).exit_code == 1


def test_symbols_and_dates_limit_the_report(bad: Lake) -> None:
    report = json.loads(
        run_health(bad, "silver.bars", "--symbol", "KO", "--to", "2026-01-05", "--json").stdout
    )
    assert (report["rows"], report["first"], report["last"]) == (31, "2026-01-05", "2026-01-05")
    assert {each["symbol"] for each in report["findings"]} == {"KO"}
    assert report["counts"]["gap"] == 1
    later = json.loads(
        run_health(bad, "silver.bars", "--symbol", "KO", "--from", "2026-01-06", "--json").stdout
    )
    assert later["counts"]["gap"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("silver.news",), f"no health report for silver.news; choose one of {', '.join(TABLES)}"),
        (("silver.bars", "--symbol", "APPL"), "silver.bars has no rows of APPL; did you mean AAPL"),
        (("silver.bars", "--symbol", "x'; --"), "is not a symbol"),
        (("silver.bars", "--from", "2027-01-01"), "no rows of any symbol from 2027-01-01 to the end"),
        (("silver.trades",), "silver.trades is empty, so there is nothing to check"),
        (("silver.bars", "--sigmas", "inf"), "a threshold must be a finite number: sigmas inf"),
    ],
)
def test_a_wrong_request_raises_a_helpful_error(bad: Lake, words: tuple[str, ...], said: str) -> None:
    result = run_health(bad, *words)
    assert isinstance(result.exception, ServingError)
    with pytest.raises(ServingError, match=said):
        raise result.exception


@pytest.mark.parametrize("words", [("silver.bars", "--gap-minutes", "0"), ("silver.bars", "--from", "May")])
def test_an_invalid_option_is_exit_code_2(bad: Lake, words: tuple[str, ...]) -> None:
    assert run_health(bad, *words).exit_code == 2


def test_a_missing_table_is_reported(bad: Lake, absent: Lake) -> None:
    for lake in (bad, absent):
        with pytest.raises(LakeError, match=r"no gold\.daily_kpis at .*; fill the lake"):
            health(lake, "gold.daily_kpis")


@pytest.mark.parametrize("rows_at_once", [1, 50, 100_000])
def test_slices_of_any_size_find_the_same(bad: Lake, rows_at_once: int) -> None:
    whole = health(bad, "silver.bars", thresholds=Thresholds(constant_sessions=2))
    assert (
        health(bad, "silver.bars", thresholds=Thresholds(constant_sessions=2, rows_at_once=rows_at_once))
        == whole
    )


def test_of_many_findings_the_worst_are_kept_and_all_are_counted(bad: Lake) -> None:
    every = health(bad, "silver.bars", thresholds=Thresholds(sigmas=0.1, max_findings=1000))
    worst = health(bad, "silver.bars", thresholds=Thresholds(sigmas=0.1, max_findings=2, rows_at_once=50))
    assert worst.counts == every.counts
    assert worst.counts["outlier"] > 100
    outliers = [[each for each in report.findings if each.kind == "outlier"] for report in (worst, every)]
    assert outliers[0] == outliers[1][:2]
    assert "330" in outliers[0][0].message


@pytest.mark.parametrize("slicer", [by_symbol, by_session, by_session_and_symbol])
@pytest.mark.parametrize(("max_rows", "largest"), [(1, None), (120, 120), (1000, 311)])
def test_slices_hold_every_row_once_and_no_more_than_asked(
    bad: Lake, slicer: Slicer, max_rows: int, largest: int | None
) -> None:
    def count(table: Table, where: str) -> int:
        return int(select(bad, table, f"SELECT count(*) AS n FROM stored WHERE {where}")[0]["n"])

    sizes = [count(BARS, part) for part in slicer(bad, BARS, "symbol <> 'none'", max_rows)]
    assert sum(sizes) == 311
    assert largest is None or max(sizes) <= largest
    assert list(slicer(bad, BARS, "false", 10)) == []


def test_all_symbols_are_the_same_as_each_named(bad: Lake) -> None:
    named = health(bad, "silver.bars", HealthRequest(symbols=("AAPL", "KO", "MSFT")))
    assert named == health(bad, "silver.bars")
