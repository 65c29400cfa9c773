"""Split-sized jumps, stale symbols and thin sessions."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.gold import DAILY_KPIS
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from serving.health.findings import (
    CONSTANT,
    FEW_TRADES,
    SPLIT,
    STALE,
    HealthFinding,
    HealthRequest,
    Thresholds,
)
from serving.health.run import health
from tests.builders.sample_lake import FETCHED, add, bar, kpi, utc

DAY = date(2026, 1, 5)
EX_DT = DAY + timedelta(days=1)


def days(closes: Sequence[str], symbol: str = "AAPL", **changes: Any) -> list[dict[str, Any]]:
    """A daily bar a day, open equal to close."""
    return [bar(symbol, DAY + timedelta(days=n), "1day", close) | changes for n, close in enumerate(closes)]


def figures(closes: Sequence[str], symbol: str = "AAPL", **changes: Any) -> list[dict[str, Any]]:
    """The same as rows of gold.daily_kpis."""
    return [kpi(symbol, DAY + timedelta(days=n), "1day", close) | changes for n, close in enumerate(closes)]


def action(kind: str = "split", ex_dt: date = EX_DT, **changes: Any) -> dict[str, Any]:
    row = {"provider": "yahoo", "symbol": "AAPL", "action": kind, "label": kind, "ex_dt": ex_dt}
    row |= {"ratio": Decimal(4), "is_simulated": False, "known_from": FETCHED}
    return row | {"payload_id": "x", "position": "/", "run_id": "r"} | changes


def found(
    lake: Lake,
    kind: str,
    rows: Iterable[Mapping[str, Any]],
    thresholds: Thresholds = Thresholds(),  # noqa: B008 - frozen
    request: HealthRequest = HealthRequest(),  # noqa: B008 - frozen
    table: Table = BARS,
) -> list[HealthFinding]:
    create_tables(lake, [table])
    add(lake, table, *rows)
    return [each for each in health(lake, table.full_name, request, thresholds).findings if each.kind == kind]


@pytest.mark.parametrize("table", [BARS, DAILY_KPIS])
def test_an_open_at_a_quarter_of_the_close_before_is_the_size_of_a_split(lake: Lake, table: Table) -> None:
    rows = (days if table == BARS else figures)(["400", "101"])
    (jump,) = found(lake, SPLIT, rows, table=table)
    assert (jump.started_at, jump.ended_at) == (DAY, EX_DT)
    assert (round(jump.measured, 3), jump.threshold) == (3.96, 4.0)
    assert jump.message == (
        "opens at 101 after a close of 400, the size of a 4-for-1 split; "
        "no split or bonus is known on 2026-01-06"
    )


@pytest.mark.parametrize(
    ("opened", "words"),
    [
        ("800", "2-for-1 reverse split"),
        ("4000", "10-for-1 reverse split"),
        ("266.67", "3-for-2 split"),
        ("500", "5-for-4 reverse split"),
        ("206.1", "2-for-1 split"),
        ("206.3", None),
        ("207", None),
        ("350", None),
        ("3.9", None),
    ],
)
def test_a_jump_is_split_sized_within_three_percent_of_a_ratio(
    lake: Lake, opened: str, words: str | None
) -> None:
    jumps = found(lake, SPLIT, days(["400", opened]))
    assert [words in jump.message for jump in jumps if words] == ([True] if words else [])
    assert bool(jumps) == bool(words)


@pytest.mark.parametrize(
    ("known", "count"),
    [
        (action(), 0),
        (action("bonus"), 0),
        (action("dividend"), 1),
        (action(ex_dt=DAY), 1),
        (action(symbol="MSFT"), 1),
        (action(known_to=FETCHED), 1),
    ],
    ids=["split", "bonus", "dividend", "another day", "another symbol", "withdrawn"],
)
def test_only_a_split_or_bonus_of_that_day_explains_a_jump(
    lake: Lake, known: dict[str, Any], count: int
) -> None:
    create_tables(lake, [CORPORATE_ACTIONS])
    add(lake, CORPORATE_ACTIONS, known)
    assert len(found(lake, SPLIT, days(["400", "100"]))) == count


def test_an_action_does_not_explain_a_jump_of_adjusted_prices(lake: Lake) -> None:
    create_tables(lake, [CORPORATE_ACTIONS])
    add(lake, CORPORATE_ACTIONS, action())
    (jump,) = found(lake, SPLIT, days(["400", "100"], adjustment="split"))
    assert "provider adjusts these prices" in jump.message


def test_a_coin_has_no_splits(lake: Lake) -> None:
    assert found(lake, SPLIT, days(["400", "100"], asset_class="crypto")) == []


def test_intraday_bars_jump_from_the_last_close_to_the_first_open(lake: Lake) -> None:
    def minute(day: date, at: int, opened: str, close: str) -> dict[str, Any]:
        row = bar("AAPL", day, "1min", close, timestamp=utc(day, 14, at))
        return row | {"open": Decimal(opened)}

    rows = [minute(EX_DT, 31, "900", "901"), minute(EX_DT, 30, "100", "900")]
    rows += [minute(DAY, 30, "7", "7"), minute(DAY, 31, "7", "400")]
    assert [round(jump.measured, 3) for jump in found(lake, SPLIT, rows)] == [4.0]


def test_a_symbol_that_ends_before_the_others_is_stale(lake: Lake) -> None:
    rows = days(["1", "2", "3"]) + days(["1", "2"], "MSFT")
    (stale,) = found(lake, STALE, rows)
    assert (stale.symbol, stale.measured, stale.threshold) == ("MSFT", 1.0, 1.0)
    assert (stale.started_at, stale.ended_at) == (EX_DT, DAY + timedelta(days=2))
    assert stale.message == "the last session is 2026-01-06; others have 1 session after it, up to 2026-01-07"


@pytest.mark.parametrize(("behind", "count"), [(2, 0), (3, 1)])
def test_a_symbol_is_stale_from_so_many_sessions_on(lake: Lake, behind: int, count: int) -> None:
    rows = days([str(100 + n) for n in range(2 + behind)]) + days(["1", "2"], "MSFT")
    assert len(found(lake, STALE, rows, Thresholds(stale_sessions=3))) == count


@pytest.mark.parametrize("changes", [{"calendar": "XBOM"}, {"interval": "4day"}])
def test_only_others_of_the_same_calendar_and_interval_make_a_symbol_stale(
    lake: Lake, changes: dict[str, str]
) -> None:
    assert found(lake, STALE, days(["1", "2"]) + days(["1"], "MSFT", **changes)) == []


def test_a_chosen_symbol_is_still_compared_with_the_others(lake: Lake) -> None:
    rows = days(["1", "2", "3"]) + days(["1"], "MSFT") + days(["1"], "KO")
    request = HealthRequest(symbols=("MSFT",))
    assert [stale.symbol for stale in found(lake, STALE, rows, request=request)] == ["MSFT"]


@pytest.mark.parametrize("table", [BARS, DAILY_KPIS])
@pytest.mark.parametrize(("sessions", "count"), [(4, 0), (5, 1)])
def test_a_close_is_constant_from_five_sessions_on(
    lake: Lake, table: Table, sessions: int, count: int
) -> None:
    closes = ["11", *["10"] * sessions, "11", "10", "10"]
    runs = found(lake, CONSTANT, (days if table == BARS else figures)(closes), table=table)
    assert [(run.started_at, run.ended_at, run.measured) for run in runs] == [
        (EX_DT, DAY + timedelta(days=5), 5.0)
    ] * count


@pytest.mark.parametrize(("volume", "count"), [("1", 0), ("0.99", 1), ("0", 1), (None, 0)])
def test_a_session_with_less_than_the_least_volume_has_few_trades(
    lake: Lake, volume: str | None, count: int
) -> None:
    rows = days(["10"], volume=volume and Decimal(volume))
    assert len(found(lake, FEW_TRADES, rows)) == count


@pytest.mark.parametrize(("bars", "count"), [(5, 0), (4, 1)])
def test_a_session_with_less_than_half_of_the_bars_of_the_fullest_has_few_trades(
    lake: Lake, bars: int, count: int
) -> None:
    def minutes(symbol: str, number: int) -> list[dict[str, Any]]:
        return [bar(symbol, DAY, "1min", "10", timestamp=utc(DAY, 15, n)) for n in range(number)]

    few = found(lake, FEW_TRADES, minutes("AAPL", 10) + minutes("MSFT", bars))
    assert [(each.symbol, each.measured, each.threshold) for each in few] == [("MSFT", 4.0, 5.0)] * count
    request = HealthRequest(symbols=("MSFT",))
    assert len([e for e in health(lake, BARS.full_name, request).findings if e.kind == FEW_TRADES]) == count


@pytest.mark.parametrize(("bars", "count"), [(39, 0), (38, 1)])
def test_a_days_figures_rest_on_at_least_half_of_the_bars_to_expect(
    lake: Lake, bars: int, count: int
) -> None:
    rows = figures(["10"], interval="5min", bar_count=bars, expected_bars=78)
    few = found(lake, FEW_TRADES, rows, table=DAILY_KPIS)
    assert [each.message for each in few] == ["38 of 78 expected bars"] * count
