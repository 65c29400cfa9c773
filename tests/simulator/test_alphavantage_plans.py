"""Plans refuse the same calls as the real vendor, in the same words."""

from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.simulator.alphavantage.plans import PLANS, PlanName, Quota
from flows.simulator.provider_simulator import SimulatedRequest
from flows.simulator.server import Simulator
from flows.simulator.service import SimulatorConfig, SimulatorService

DAY = date(2010, 8, 20)
FREE, PREMIUM = PLANS[PlanName.FREE], PLANS[PlanName.PREMIUM]


def text(refusal: dict[str, str] | None) -> str:
    return "" if refusal is None else next(iter(refusal.values()))


def test_a_free_key_has_25_calls_per_day() -> None:
    quota = Quota()

    refusals = [quota.admit(FREE, "k", DAY, float(i)) for i in range(26)]

    assert refusals[:25] == [None] * 25
    assert "25 requests per day" in text(refusals[25])
    assert quota.admit(FREE, "k", date(2010, 8, 21), 30.0) is None


def test_a_free_key_has_one_call_per_second_and_refused_calls_do_not_count() -> None:
    quota = Quota()

    refusals = [quota.admit(FREE, "k", DAY, moment) for moment in (0.0, 0.5, 1.0)]

    assert refusals[0] is refusals[2] is None
    assert "1 request per second" in text(refusals[1])


def test_a_premium_key_has_75_calls_per_minute() -> None:
    quota = Quota()

    refusals = [quota.admit(PREMIUM, "k", DAY, i / 10) for i in range(76)]

    assert refusals[:75] == [None] * 75
    assert "75 calls per minute" in text(refusals[75])
    assert quota.admit(PREMIUM, "k", DAY, 60.0) is None


def test_an_unmetered_key_is_never_refused() -> None:
    quota = Quota()

    assert not any(quota.admit(PLANS[PlanName.UNMETERED], "k", DAY, 0.0) for _ in range(1000))


def free_service_after_25_calls(key: str) -> SimulatorService:
    seconds = count(step=2)
    clock = datetime(2010, 8, 20, 22, tzinfo=UTC)
    service = SimulatorService(
        SimulatorConfig(plan=PlanName.FREE, clock=clock), monotonic=lambda: float(next(seconds))
    )
    for _ in range(25):
        assert b"IBM" in call(service, key)
    return service


def call(service: SimulatorService, key: str) -> bytes:
    params = {"function": "OVERVIEW", "symbol": "IBM", "apikey": key}
    return service.respond(SimulatedRequest("/query", params, {}, "http://x/query")).body


def test_the_daily_limit_contains_the_clients_key_like_the_real_one(captures: Path) -> None:
    service = free_service_after_25_calls("REDACTED0000000X")

    real = captures / "errors/information_daily_limit_names_the_key.json"
    assert call(service, "REDACTED0000000X").decode() == real.read_text().rstrip("\n")


def test_the_daily_limit_ends_with_the_day_in_new_york() -> None:
    service = free_service_after_25_calls("k")
    assert b"25 requests per day" in call(service, "k")

    service.clock.set(datetime(2010, 8, 21, 3, tzinfo=UTC))
    assert b"25 requests per day" in call(service, "k")  # 23:00 of the same day in New York
    service.clock.set(datetime(2010, 8, 21, 5, tzinfo=UTC))
    assert b'"Symbol": "IBM"' in call(service, "k")


def within_a_moment(simulator: Simulator) -> Simulator:
    """The simulator, whose rate limits see all calls at one instant: real ones may be seconds apart."""
    simulator.service.alphavantage._monotonic = lambda: 0.0
    return simulator


def test_a_burst_has_the_real_text(simulate: Any, send_query: Any, captures: Path) -> None:
    simulator = within_a_moment(simulate(plan=PlanName.FREE))

    send_query(simulator, function="OVERVIEW", symbol="IBM")
    burst = send_query(simulator, function="OVERVIEW", symbol="IBM")

    real = captures / "errors/information_burst_1_per_second.json"
    assert burst.text == real.read_text().rstrip("\n")


@pytest.mark.parametrize("key", ["", "  "])
def test_a_missing_key_has_the_real_text(simulate: Any, send_query: Any, captures: Path, key: str) -> None:
    response = send_query(simulate(), function="OVERVIEW", symbol="IBM", apikey=key)

    real = captures / "errors/error_apikey_missing.json"
    assert response.status_code == 200
    assert response.text == real.read_text().rstrip("\n")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"function": "TIME_SERIES_INTRADAY", "interval": "5min"}, "This is a premium endpoint"),
        (
            {"function": "TIME_SERIES_DAILY", "outputsize": "full"},
            "outputsize=full parameter value is a premium feature for the TIME_SERIES_DAILY endpoint",
        ),
    ],
)
def test_a_free_key_is_not_entitled_to_premium_data(
    simulate: Any, send_query: Any, params: dict[str, str], words: str
) -> None:
    response = send_query(simulate(plan=PlanName.FREE), symbol="IBM", **params)

    assert response.status_code == 200
    assert words in response.json()["Information"]


def test_keys_are_counted_separately_by_fingerprint(simulate: Any, send_query: Any) -> None:
    simulator = within_a_moment(simulate(plan=PlanName.FREE))

    for key in ("first-key", "first-key", "second-key"):
        send_query(simulator, function="OVERVIEW", symbol="IBM", apikey=key)
    response = requests.get(f"{simulator.base}/_simulator/stats", timeout=60)

    counts = sorted((calls["served"], calls["refused"]) for calls in response.json()["keys"].values())
    assert counts == [(1, 0), (1, 1)]
    assert (response.json()["served"], response.json()["refused"]) == (2, 1)
    assert "first-key" not in response.text
