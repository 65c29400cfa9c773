"""Gaps and outliers among bars."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from serving.health.findings import GAP, OUTLIER, HealthFinding, HealthRequest, Thresholds
from serving.health.run import health
from tests.builders.sample_lake import FETCHED, add, bar, utc

DAY = date(2026, 1, 6)
NEXT = date(2026, 1, 7)
OPEN = utc(DAY, 14, 30)
LIMITS = Thresholds(window=20)


def minutes(*offsets: float, opened: datetime = OPEN, **changes: Any) -> list[dict[str, Any]]:
    """Bars at so many minutes after the open."""
    row = {"interval": "1min"} | changes
    return [
        bar("AAPL", opened.date(), row["interval"], "100", timestamp=opened + timedelta(minutes=each)) | row
        for each in offsets
    ]


def found(
    lake: Lake, kind: str, rows: Iterable[Mapping[str, Any]], thresholds: Thresholds = LIMITS
) -> list[HealthFinding]:
    create_tables(lake, [BARS, CORPORATE_ACTIONS])
    add(lake, BARS, *rows)
    return [
        each
        for each in health(lake, "silver.bars", HealthRequest(), thresholds).findings
        if each.kind == kind
    ]


def test_bars_six_minutes_apart_have_a_gap_between_them(lake: Lake) -> None:
    (gap,) = found(lake, GAP, minutes(0, 1, 7))
    assert (gap.symbol, gap.interval, gap.provider) == ("AAPL", "1min", "alphavantage")
    assert (gap.started_at, gap.ended_at) == (OPEN + timedelta(minutes=1), OPEN + timedelta(minutes=7))
    assert (gap.measured, gap.threshold) == (360.0, 300.0)
    assert "6 minutes" in gap.message


@pytest.mark.parametrize(
    "rows",
    [
        minutes(0, 5),
        minutes(0, 15, interval="15min"),
        minutes(0) + minutes(0, opened=OPEN + timedelta(days=1)),
        minutes(0) + minutes(60, session="post"),
        minutes(0) + minutes(10, provider="yahoo"),
        minutes(0) + minutes(10, symbol="MSFT"),
        minutes(0) + minutes(10, known_to=FETCHED),
    ],
    ids=["at the limit", "its interval", "overnight", "post", "provider", "symbol", "replaced"],
)
def test_what_is_not_neighbours_in_a_session_too_far_apart_is_no_gap(lake: Lake, rows: list[Any]) -> None:
    assert found(lake, GAP, rows) == []


def test_an_interval_longer_than_the_limit_is_the_limit(lake: Lake) -> None:
    (gap,) = found(lake, GAP, minutes(0, 15, 31, interval="15min"))
    assert (gap.measured, gap.threshold) == (960.0, 900.0)


def test_a_market_that_never_closes_has_gaps_over_midnight(lake: Lake) -> None:
    coin = {"calendar": "24/7", "session": "24x7", "asset_class": "crypto"}
    late = utc(DAY, 23, 55)
    rows = minutes(0, 1, opened=late, **coin) + minutes(0, opened=utc(NEXT, 0, 10), **coin)
    assert [gap.measured for gap in found(lake, GAP, rows)] == [840.0]


@pytest.mark.parametrize(("seconds", "count"), [(449, 0), (451, 1)])
def test_prices_of_an_instant_may_come_half_an_interval_late(lake: Lake, seconds: int, count: int) -> None:
    coin: dict[str, Any] = {"calendar": "24/7", "session": "24x7", "kind": "snapshot", "interval": "5min"}
    assert len(found(lake, GAP, minutes(0, seconds / 60, **coin))) == count


@pytest.mark.parametrize(("minute", "count"), [(30, 0), (36, 1)])
def test_a_noon_break_is_no_gap(lake: Lake, minute: int, count: int) -> None:
    before = minutes(0, opened=utc(DAY, 2, 29), calendar="XTKS")
    after = minutes(0, opened=utc(DAY, 3, minute), calendar="XTKS")
    gaps = found(lake, GAP, before + after)
    assert [gap.measured for gap in gaps] == [420.0] * count


def walk(returns: Iterable[float], *, day: date = DAY, **changes: Any) -> list[dict[str, Any]]:
    """Minute bars whose closes make these log returns, from 100 on."""
    logs, rows = math.log(changes.pop("start", 100.0)), []
    for number, each in enumerate([0.0, *returns]):
        logs += each
        at = datetime.combine(day, time(14, 30), UTC) + timedelta(minutes=number)
        close = f"{math.exp(logs):.9f}"
        rows.append(bar("AAPL", day, "1min", close, timestamp=at) | {"interval": "1min"} | changes)
    return rows


def ordinary(count: int) -> list[float]:
    """Returns of 0.1 % up and down: their bipower sigma is 0.001 x sqrt(pi / 2)."""
    return [0.001 if number % 2 else -0.001 for number in range(count)]


SIGMA = 0.001 * math.sqrt(math.pi / 2)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_return_beyond_five_sigmas_is_an_outlier(lake: Lake, sign: int) -> None:
    (outlier,) = found(lake, OUTLIER, walk([*ordinary(30), sign * 5.01 * SIGMA]))
    assert outlier.measured == pytest.approx(5.01, abs=1e-3)
    assert outlier.threshold == 5.0
    assert outlier.ended_at == OPEN + timedelta(minutes=31)
    assert "times the baseline 0.0013" in outlier.message


def test_a_return_just_below_five_sigmas_is_none(lake: Lake) -> None:
    assert found(lake, OUTLIER, walk([*ordinary(30), 4.99 * SIGMA])) == []


def test_a_spike_hides_neither_itself_nor_the_way_back(lake: Lake) -> None:
    outliers = found(lake, OUTLIER, walk([*ordinary(30), 0.1, -0.1]))
    assert len(outliers) == 2
    assert min(each.measured for each in outliers) > 15


def test_a_return_with_too_few_before_it_is_not_judged(lake: Lake) -> None:
    assert found(lake, OUTLIER, walk([*ordinary(10), 0.1])) == []
    # 10 returns make 9 products; half the window of 20 is wanted
    assert len(found(lake, OUTLIER, walk([*ordinary(11), 0.1], day=NEXT, symbol="MSFT"))) == 1


def test_the_night_between_two_sessions_is_no_outlier(lake: Lake) -> None:
    rows = walk(ordinary(30)) + walk(ordinary(30), day=NEXT, start=150.0)
    assert found(lake, OUTLIER, rows) == []


def test_what_is_usual_is_known_from_the_session_before(lake: Lake) -> None:
    rows = walk(ordinary(30)) + walk([0.02], day=NEXT)
    assert [each.ended_at for each in found(lake, OUTLIER, rows)] == [utc(NEXT, 14, 31)]


@pytest.mark.parametrize(("cents", "count"), [(5, 0), (6, 1)])
def test_of_a_price_that_rarely_moves_five_ticks_are_usual(lake: Lake, cents: int, count: int) -> None:
    move = math.log((3 + cents / 100) / 3)
    assert len(found(lake, OUTLIER, walk([*[0.0] * 30, move], start=3.0))) == count


def daily(closes: Iterable[float], **changes: Any) -> list[dict[str, Any]]:
    """A daily bar a day, open equal to close."""
    days = (date(2026, 1, 1) + timedelta(days=number) for number in range(100))
    pairs = zip(days, closes, strict=False)
    return [bar("AAPL", day, "1day", f"{close:.6f}") | changes for day, close in pairs]


def halved() -> list[float]:
    closes = [100 * math.exp(0.001 * (number % 2)) for number in range(40)]
    return [close / 2 if number >= 30 else close for number, close in enumerate(closes)]


def test_daily_returns_go_over_the_night(lake: Lake) -> None:
    assert [each.ended_at for each in found(lake, OUTLIER, daily(halved()))] == [utc(date(2026, 1, 31), 5)]


def test_a_known_split_is_no_outlier(lake: Lake) -> None:
    create_tables(lake, [CORPORATE_ACTIONS])
    split = {"provider": "yahoo", "symbol": "AAPL", "action": "split", "label": "split", "ratio": Decimal(2)}
    split |= {"ex_dt": date(2026, 1, 31), "is_simulated": False, "known_from": FETCHED}
    split |= {"payload_id": "x", "position": "/", "run_id": "r"}
    add(lake, CORPORATE_ACTIONS, split)
    assert found(lake, OUTLIER, daily(halved())) == []
