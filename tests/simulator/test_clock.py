"""No data are served before their time."""

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


def test_a_clock_runs_from_the_instant_it_is_set_to() -> None:
    moment = [100.0]
    clock = Clock(CLOSE, monotonic=lambda: moment[0])

    moment[0] += 90

    assert clock.now() == CLOSE + timedelta(seconds=90)


def test_a_clock_refuses_a_naive_time() -> None:
    with pytest.raises(ValueError, match="offset"):
        Clock(datetime(2010, 8, 19))  # noqa: DTZ001 - the mistake under test


def test_a_daily_bar_is_public_from_the_close_on(simulate: Any, send_query: Any) -> None:
    simulator = simulate(clock=CLOSE - timedelta(minutes=1))
    assert newest(send_query(simulator, **DAILY)) == "2010-08-17"  # the data have no 2010-08-18 for IBM

    simulator.service.clock.set(CLOSE)

    assert newest(send_query(simulator, **DAILY)) == "2010-08-19"


def test_on_a_half_day_the_daily_bar_is_public_at_13_00(simulate: Any, send_query: Any) -> None:
    simulator = simulate(clock=datetime(2009, 11, 27, 18, tzinfo=UTC))

    assert newest(send_query(simulator, **DAILY)) == "2009-11-27"


def test_an_intraday_bar_is_public_when_it_has_ended(simulate: Any, send_query: Any) -> None:
    simulator = simulate(clock=datetime(2010, 8, 19, 14, 4, tzinfo=UTC))
    assert newest(send_query(simulator, **INTRADAY)) == "2010-08-19 09:55:00"

    simulator.service.clock.set(datetime(2010, 8, 19, 14, 5, tzinfo=UTC))

    assert newest(send_query(simulator, **INTRADAY)) == "2010-08-19 10:00:00"


def test_before_the_first_bar_no_data_are_served(simulate: Any, send_query: Any) -> None:
    simulator = simulate(clock=datetime(2009, 8, 1, tzinfo=UTC))

    assert list(send_query(simulator, **DAILY).json()) == ["Error Message"]
    assert send_query(simulator, function="OVERVIEW", symbol="IBM").json() == {}


def test_the_clock_is_set_over_http(simulate: Any, send_query: Any) -> None:
    simulator = simulate()
    endpoint = f"{simulator.base}/_simulator/clock"

    assert requests.post(endpoint, json={"now": "2010-08-19T20:00:00Z"}, timeout=60).status_code == 200
    assert newest(send_query(simulator, **DAILY)) == "2010-08-19"
    assert requests.post(endpoint, json={"now": None}, timeout=60).status_code == 200
    assert newest(send_query(simulator, **DAILY)) == "2010-08-20"


@pytest.mark.parametrize("body", ["", "{}", '{"now": "soon"}', '{"now": "2010-08-19T20:00:00"}', "[1]"])
def test_an_invalid_time_is_refused_with_a_reason(simulate: Any, body: str) -> None:
    response = requests.post(f"{simulate().base}/_simulator/clock", data=body, timeout=60)

    assert response.status_code == 400
    assert response.json()["error"]
