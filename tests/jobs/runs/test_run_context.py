"""Ids and clocks of runs."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from config.load import ConfigError
from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.lake import Lake
from jobs.runs.clock import market_clock, utc_now
from jobs.runs.run_context import new_run_context, new_run_id
from tests.builders.lakes import land_rows
from tests.builders.payloads import DAYS, T0, at, bar, daily


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


def test_a_simulated_clock_never_starts_before_what_an_earlier_run_received(lake: Lake) -> None:
    settings = Settings(lake=lake.root, simulated_now=T0)
    assert T0 <= new_run_context(settings, Secrets(_env_file=None)).clock() < at(0.1)
    land_rows(lake, [daily("A", {DAYS[0]: bar()}, at(0.2))])
    assert at(0.2) < new_run_context(settings, Secrets(_env_file=None)).clock() < at(0.3)
    land_rows(lake, [daily("A", {DAYS[0]: bar()}, at(-5))])
    assert at(0.2) < new_run_context(settings, Secrets(_env_file=None)).clock() < at(0.3)
