"""Intraday bars add up to the daily bar exactly."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.simulator.market.intraday_bars import IntradayBar, session_bars
from flows.simulator.market.real_prices import DailyBar, load_histories

HALF_DAY = date(2009, 11, 27)
INTERVALS = st.sampled_from([1, 5, 15, 30, 60])
DAYS = st.one_of(
    st.sampled_from([HALF_DAY, date(2009, 12, 24)]), st.dates(date(2009, 8, 21), date(2010, 8, 20))
)


@st.composite
def daily_bars(draw: st.DrawFn) -> DailyBar:
    """Bars with prices in any order and 0 to 4 decimals, flat and empty bars included."""
    places = draw(st.integers(0, 4))
    prices = st.integers(1, 10**7).map(lambda ticks: Decimal(ticks).scaleb(-places))
    opening, high, low, close = (draw(prices) for _ in range(4))
    return DailyBar(draw(DAYS), opening, high, low, close, draw(st.integers(0, 10**9)))


def to_valid(bar: DailyBar) -> DailyBar:
    low, first, second, high = sorted(bar[1:5])
    return bar._replace(open=first, high=high, low=low, close=second)


def is_valid(bar: IntradayBar | DailyBar) -> bool:
    return bar.low <= min(bar.open, bar.close) and max(bar.open, bar.close) <= bar.high


@settings(max_examples=150, deadline=None)
@given(daily=daily_bars().map(to_valid), minutes=INTERVALS, seed=st.integers(0, 9))
def test_bars_add_up_to_a_valid_daily_bar_exactly(daily: DailyBar, minutes: int, seed: int) -> None:
    bars = session_bars(seed, "IBM", daily, minutes)

    assert bars[0].open == daily.open
    assert max(bar.high for bar in bars) == daily.high
    assert min(bar.low for bar in bars) == daily.low
    assert bars[-1].close == daily.close
    assert sum(bar.volume for bar in bars) == daily.volume
    assert all(is_valid(bar) and bar.volume >= 0 for bar in bars)


@settings(max_examples=100, deadline=None)
@given(daily=daily_bars(), minutes=INTERVALS)
def test_bars_of_an_invalid_daily_bar_span_all_of_its_prices(daily: DailyBar, minutes: int) -> None:
    bars = session_bars(0, "IBM", daily, minutes)

    assert (bars[0].open, bars[-1].close) == (daily.open, daily.close)
    assert max(bar.high for bar in bars) == max(daily[1:5])
    assert min(bar.low for bar in bars) == min(daily[1:5])
    assert sum(bar.volume for bar in bars) == daily.volume
    assert all(map(is_valid, bars))


@settings(max_examples=30, deadline=None)
@given(daily=daily_bars())
def test_longer_bars_are_sums_of_minutes(daily: DailyBar) -> None:
    minutes = {bar.start: bar for bar in session_bars(0, "IBM", daily, 1)}

    for wide in session_bars(0, "IBM", daily, 60):
        inside = [bar for start, bar in minutes.items() if wide.start <= start < wide.end]
        assert wide.volume == sum(bar.volume for bar in inside)
        assert wide.high == max(bar.high for bar in inside)
        assert (wide.open, wide.close) == (inside[0].open, inside[-1].close)


@pytest.mark.parametrize(
    ("minutes", "full", "half"), [(1, 390, 210), (5, 78, 42), (15, 26, 14), (30, 13, 7), (60, 7, 4)]
)
def test_the_number_of_bars_depends_on_the_session(minutes: int, full: int, half: int) -> None:
    bar = load_histories()["IBM"][0]

    assert len(session_bars(0, "IBM", bar, minutes)) == full
    assert len(session_bars(0, "IBM", bar._replace(trade_dt=HALF_DAY), minutes)) == half


def test_bars_cover_the_session_without_gaps() -> None:
    bars = session_bars(0, "IBM", load_histories()["IBM"][0], 60)

    assert f"{bars[0].start:%H:%M}" == "09:30"
    assert f"{bars[-1].end:%H:%M}" == "16:00"
    assert all(before.end == after.start for before, after in pairwise(bars))
    assert bars[-1].end - bars[-1].start == timedelta(minutes=30)


def test_volume_is_highest_at_both_ends_of_a_session() -> None:
    bars = session_bars(0, "IBM", load_histories()["IBM"][0], 30)

    noon = bars[6].volume
    assert bars[0].volume > noon
    assert bars[-1].volume > noon


def test_bars_depend_on_seed_and_symbol() -> None:
    daily = load_histories()["IBM"][0]
    bars = session_bars(0, "IBM", daily, 5)

    assert session_bars(0, "IBM", daily, 5) == bars
    assert session_bars(1, "IBM", daily, 5) != bars
    assert session_bars(0, "AAPL", daily, 5) != bars
