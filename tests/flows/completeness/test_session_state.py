"""The state of sessions at their due times: half days, clock changes, special sessions, all-day markets."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from config.settings import CompletenessSettings, PublicationSettings, Settings
from flows.completeness.expected_sessions import expected_sessions, last_sessions, watched_series
from flows.completeness.publication import BUILT_IN, due, publications
from flows.completeness.session_state import Due, SessionState, session_state
from flows.ingestion.registry import SOURCES
from jobs.market_calendar.session import Session
from jobs.market_calendar.sessions import CRYPTO, FX, sessions_between

SECOND = timedelta(seconds=1)
HALF_DAYS = (
    "2024-07-03",
    "2024-11-29",
    "2024-12-24",
    "2025-07-03",
    "2025-11-28",
    "2025-12-24",
    "2026-11-27",
    "2026-12-24",
)
CLOSED_DAYS = ("2024-06-19", "2025-01-09", "2025-04-18", "2026-07-03")
# The last session before the clocks change and the first one after, with their opening times in UTC.
CLOCKS_CHANGE = (
    ("2024-03-08T14:30", "2024-03-11T13:30"),
    ("2024-11-01T13:30", "2024-11-04T14:30"),
    ("2025-03-07T14:30", "2025-03-10T13:30"),
    ("2025-10-31T13:30", "2025-11-03T14:30"),
    ("2026-03-06T14:30", "2026-03-09T13:30"),
    ("2026-10-30T13:30", "2026-11-02T14:30"),
)
BOMBAY_SPECIAL = (
    ("2024-01-20", "03:45", "10:00"),
    ("2024-03-02", "03:45", "07:00"),
    ("2024-05-18", "03:45", "07:00"),
    ("2024-11-01", "12:30", "13:30"),
    ("2025-02-01", "03:45", "10:00"),
    ("2025-10-21", "08:15", "09:15"),
    ("2026-02-01", "03:45", "10:00"),
    ("2026-11-08", "12:30", "13:30"),
)
BOMBAY_CLOSED = ("2024-01-22", "2024-05-20", "2024-11-20", "2026-01-15", "2026-01-31")


def session(calendar: str, day: str) -> Session:
    (found,) = sessions_between(calendar, date.fromisoformat(day), date.fromisoformat(day))
    return found


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due_of(provider: str, dataset: str, calendar: str, day: str) -> Due:
    return due(BUILT_IN[provider, dataset], session(calendar, day))


def require_all_states(when: Due) -> None:
    """Every state, at both ends of each stretch of time."""
    assert when.expected_at < when.late_until
    waiting = (
        (when.expected_at - SECOND, SessionState.NOT_EXPECTED_YET),
        (when.expected_at, SessionState.LATE),
        (when.late_until, SessionState.LATE),
        (when.late_until + SECOND, SessionState.MISSING),
        (when.late_until + timedelta(days=400), SessionState.MISSING),
    )
    for now, state in waiting:
        assert session_state(when, None, now) is state
        assert session_state(when, now + SECOND, now) is state, "what comes later is not there yet"
    arrived = (
        (when.expected_at - SECOND, SessionState.ON_TIME),
        (when.expected_at, SessionState.ON_TIME),
        (when.late_until, SessionState.ON_TIME),
        (when.late_until + SECOND, SessionState.HEALED),
    )
    for at, state in arrived:
        assert session_state(when, at, at) is state
        assert session_state(when, at, at + timedelta(days=400)) is state


@pytest.mark.parametrize("day", HALF_DAYS)
def test_a_half_day_of_new_york_is_due_three_hours_earlier(day: str) -> None:
    half = session("XNYS", day)
    assert half.is_half_day
    assert half.close_at - half.open_at == timedelta(minutes=210)
    for dataset, minutes in (("daily", 180), ("intraday", 30)):
        when = due_of("alphavantage", dataset, "XNYS", day)
        assert when.expected_at == half.close_at + timedelta(minutes=minutes)
        require_all_states(when)
    files = due_of("massive", "trades_v1", "XNYS", day)
    assert files.expected_at == utc(day) + timedelta(days=1, hours=15 if day[5:7] == "07" else 16)
    require_all_states(files)


@pytest.mark.parametrize("day", CLOSED_DAYS)
def test_nothing_is_expected_of_a_day_on_which_new_york_is_closed(day: str) -> None:
    closed = date.fromisoformat(day)
    assert not sessions_between("XNYS", closed, closed)
    last = last_sessions("XNYS", 1, utc(day) + timedelta(hours=23, minutes=59))
    assert last[0].trade_dt < closed


@pytest.mark.parametrize(("before", "after"), CLOCKS_CHANGE)
def test_what_is_due_moves_with_new_yorks_clocks(before: str, after: str) -> None:
    found = sessions_between("XNYS", date.fromisoformat(before[:10]), date.fromisoformat(after[:10]))
    assert [each.open_at for each in found] == [utc(before), utc(after)]
    for each in found:
        assert each.close_at - each.open_at == timedelta(minutes=390)
        for dataset in ("daily", "intraday"):
            when = due(BUILT_IN["yahoo", dataset], each)
            assert when.expected_at > each.close_at
            require_all_states(when)


@pytest.mark.parametrize(
    ("friday", "expected_at"),
    [
        ("2026-03-06", "2026-03-07T16:00"),  # Saturday, still winter
        ("2026-03-09", "2026-03-10T15:00"),
        ("2026-10-30", "2026-10-31T15:00"),
        ("2026-11-02", "2026-11-03T16:00"),
        ("2025-07-03", "2025-07-04T15:00"),  # a holiday: files come out all the same
    ],
)
def test_flat_files_are_due_at_eleven_in_new_york_on_the_next_day(friday: str, expected_at: str) -> None:
    for dataset in ("trades_v1", "quotes_v1", "minute_aggs_v1", "day_aggs_v1"):
        when = due_of("massive", dataset, "XNYS", friday)
        assert when == Due(utc(expected_at), utc(expected_at) + timedelta(days=1))
        require_all_states(when)


@pytest.mark.parametrize(("day", "opens", "closes"), BOMBAY_SPECIAL)
def test_special_sessions_of_bombay_are_expected(day: str, opens: str, closes: str) -> None:
    special = session("XBOM", day)
    assert (special.open_at, special.close_at) == (utc(f"{day}T{opens}"), utc(f"{day}T{closes}"))
    when = due_of("bse", "bhavcopy", "XBOM", day)
    assert when == Due(utc(f"{day}T14:30"), utc(f"{day}T14:30") + timedelta(hours=16))
    require_all_states(when)


@pytest.mark.parametrize("day", BOMBAY_CLOSED)
def test_nothing_is_expected_of_a_day_on_which_bombay_is_closed(day: str) -> None:
    assert not sessions_between("XBOM", date.fromisoformat(day), date.fromisoformat(day))


def test_coins_have_every_day_and_currencies_every_weekday() -> None:
    first, last = date(2026, 3, 27), date(2026, 3, 31)  # Europe's clocks change on the 29th, a Sunday
    coins, pairs = sessions_between(CRYPTO, first, last), sessions_between(FX, first, last)
    assert [each.trade_dt.day for each in coins] == [27, 28, 29, 30, 31]
    assert [each.trade_dt.day for each in pairs] == [27, 30, 31]
    assert {each.close_at - each.open_at for each in coins} == {timedelta(days=1)}
    for each in coins:
        when = due(BUILT_IN["coingecko", "market_chart"], each)
        assert when.expected_at == each.close_at + timedelta(minutes=15)
        require_all_states(when)
    for each in pairs:
        require_all_states(due(BUILT_IN["alphavantage", "fx_daily"], each))


def test_every_session_of_three_years_has_one_order_of_states() -> None:
    for (provider, dataset), publication in BUILT_IN.items():
        calendar = SOURCES[provider].manifest.calendars[dataset]
        found = sessions_between(calendar, date(2024, 1, 1), date(2026, 12, 31))
        assert len(found) > 700
        for each in found:
            when = due(publication, each)
            assert each.close_at <= when.expected_at < when.late_until


def test_history_that_arrived_before_the_series_was_awaited_was_never_late() -> None:
    when = due_of("alphavantage", "daily", "XNYS", "2026-11-20")
    first_run = when.late_until + timedelta(days=30)
    assert session_state(when, first_run, first_run, awaited_since=first_run) is SessionState.BACKFILLED
    assert session_state(when, first_run, first_run, awaited_since=when.late_until) is SessionState.HEALED
    assert session_state(when, None, first_run, awaited_since=first_run) is SessionState.MISSING


def test_the_settings_override_the_built_in_publication() -> None:
    later = PublicationSettings(
        provider="massive", dataset="day_aggs_v1", at=time(6), days_after=2, wait_minutes=30
    )
    known = publications(CompletenessSettings(publications=(later,)))
    when = due(known["massive", "day_aggs_v1"], session("XNYS", "2026-11-27"))
    assert when == Due(utc("2026-11-29T11:00"), utc("2026-11-29T11:30"))
    assert known["massive", "trades_v1"] == BUILT_IN["massive", "trades_v1"]


def test_only_the_last_sessions_that_have_ended_are_checked() -> None:
    settings = Settings.model_validate(
        {
            "watch_list": {"stocks": ["AAPL"], "fx": ["EURUSD"], "crypto": ["BTC-USD"]},
            "intervals": ["5min"],
            "providers": {
                "alphavantage": {"plan": "premium", "datasets": ["daily", "intraday", "overview"]},
                "coingecko": {"datasets": ["market_chart", "markets"]},
                "massive": {"datasets": ["trades_v1"]},
                "bse": {"datasets": ["bhavcopy"]},
            },
            "completeness": {"lookback_sessions": 2},
        }
    )
    now = utc("2026-11-30T17:00")  # Monday after Thanksgiving, New York is open
    series = watched_series(settings, now.date(), {})
    found = {
        (each.series.dataset, each.series.symbol, each.series.interval): each
        for one in series
        for each in expected_sessions(one, settings.completeness, now)
    }
    assert {key: each.trade_dt.isoformat() for key, each in found.items()} == {
        ("daily", "AAPL", "1day"): "2026-11-27",
        ("intraday", "AAPL", "5min"): "2026-11-27",
        ("market_chart", "BTC-USD", "5min"): "2026-11-29",
        ("trades_v1", "ALL", "none"): "2026-11-27",
        ("bhavcopy", "ALL", "none"): "2026-11-30",
    }
    assert found["intraday", "AAPL", "5min"].bars == {"5min": 42}, "a half day has 42 bars of five minutes"
    assert found["market_chart", "BTC-USD", "5min"].bars == {"5min": 288, "60min": 24}
