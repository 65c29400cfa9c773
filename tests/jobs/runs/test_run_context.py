"""Ids and clocks of runs."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from config.load import ConfigError
from jobs.runs.run_context import market_clock, new_run_id, utc_now


def test_run_ids_sort_by_the_time_at_which_they_were_made() -> None:
    made = []
    for _ in range(20):
        made.append(new_run_id())
        time.sleep(0.002)
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_the_real_clock_is_in_utc() -> None:
    assert market_clock(None) is utc_now
    assert utc_now().utcoffset() == timedelta(0)


def test_a_set_clock_runs_on_from_its_instant_in_utc() -> None:
    clock = market_clock(datetime.fromisoformat("2010-08-20T18:30:00-04:00"))
    first, second = clock(), clock()
    assert datetime(2010, 8, 20, 22, 30, tzinfo=UTC) <= first <= second
    assert second - datetime(2010, 8, 20, 22, 30, tzinfo=UTC) < timedelta(minutes=10)


def test_a_clock_without_a_zone_is_refused() -> None:
    with pytest.raises(ConfigError, match="an instant needs its zone"):
        market_clock(datetime(2010, 8, 20))  # noqa: DTZ001 - the fault that is looked for
