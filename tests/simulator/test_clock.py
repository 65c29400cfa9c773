"""Nothing is served before its time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from flows.simulator.market.clock import Clock

DAILY = {"function": "TIME_SERIES_DAILY", "symbol": "IBM"}
INTRADAY = {"function": "TIME_SERIES_INTRADAY", "symbol": "IBM", "interval": "5min"}
CLOSE = datetime(2010, 8, 19, 20, tzinfo=UTC)  # 16:00 in New York


def newest(response: requests.Response) -> str:
    body = response.json()
    key: str = next(iter(list(body.values())[1]))
    assert body["Meta Data"]["3. Last Refreshed"] == key
    return key


def test_a_clock_runs_from_the_instant_it_was_set_to() -> None:
    moment = [100.0]
    clock = Clock(CLOSE, monotonic=lambda: moment[0])

    moment[0] += 90

    assert clock.now() == CLOSE + timedelta(seconds=90)


def test_a_clock_refuses_a_naive_time() -> None:
    with pytest.raises(ValueError, match="offset"):
        Clock(datetime(2010, 8, 19))  # noqa: DTZ001 - the mistake under test


def test_a_daily_bar_is_public_at_the_close_and_not_before(simulate: Any, ask: Any) -> None:
    simulator = simulate(clock=CLOSE - timedelta(minutes=1))
    assert newest(ask(simulator, **DAILY)) == "2010-08-17"  # the data have no 2010-08-18 for IBM

    simulator.service.clock.set(CLOSE)

    assert newest(ask(simulator, **DAILY)) == "2010-08-19"


def test_on_a_half_day_the_daily_bar_is_public_at_13(simulate: Any, ask: Any) -> None:
    simulator = simulate(clock=datetime(2009, 11, 27, 18, tzinfo=UTC))

    assert newest(ask(simulator, **DAILY)) == "2009-11-27"


def test_an_intraday_bar_is_public_when_it_has_ended(simulate: Any, ask: Any) -> None:
    simulator = simulate(clock=datetime(2010, 8, 19, 14, 4, tzinfo=UTC))
    assert newest(ask(simulator, **INTRADAY)) == "2010-08-19 09:55:00"

    simulator.service.clock.set(datetime(2010, 8, 19, 14, 5, tzinfo=UTC))

    assert newest(ask(simulator, **INTRADAY)) == "2010-08-19 10:00:00"


def test_before_the_first_bar_there_is_nothing(simulate: Any, ask: Any) -> None:
    simulator = simulate(clock=datetime(2009, 8, 1, tzinfo=UTC))

    assert list(ask(simulator, **DAILY).json()) == ["Error Message"]
    assert ask(simulator, function="OVERVIEW", symbol="IBM").json() == {}


def test_the_clock_is_set_over_http(simulate: Any, ask: Any) -> None:
    simulator = simulate()
    endpoint = f"{simulator.base}/_simulator/clock"

    assert requests.post(endpoint, json={"now": "2010-08-19T20:00:00Z"}, timeout=60).status_code == 200
    assert newest(ask(simulator, **DAILY)) == "2010-08-19"
    assert requests.post(endpoint, json={"now": None}, timeout=60).status_code == 200
    assert newest(ask(simulator, **DAILY)) == "2010-08-20"


@pytest.mark.parametrize("body", ["", "{}", '{"now": "soon"}', '{"now": "2010-08-19T20:00:00"}', "[1]"])
def test_a_wrong_time_is_refused_with_a_reason(simulate: Any, body: str) -> None:
    response = requests.post(f"{simulate().base}/_simulator/clock", data=body, timeout=60)

    assert response.status_code == 400
    assert response.json()["error"]
