"""Each fault, over real HTTP."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from flows.simulator.faults import Fault, FaultKind, FaultPlan, InvalidFaultError, dump_faults, parse_faults

DAILY = {"function": "TIME_SERIES_DAILY", "symbol": "AAPL"}
CLOSE = datetime(2010, 8, 20, 20, tzinfo=UTC)


def pairs(response: requests.Response) -> list[tuple[str, Any]]:
    """The bars in the order of the body, repeated keys included."""
    body = json.loads(response.text, object_pairs_hook=list)
    return next(value for key, value in body if key.startswith("Time Series"))


def test_late_bars_are_missing_until_the_delay_is_over(simulate: Any, send_query: Any) -> None:
    late = Fault(FaultKind.LATE_BARS, bars=1, seconds=3600)
    simulator = simulate(clock=CLOSE + timedelta(minutes=30), faults=(late,))
    first = send_query(simulator, **DAILY).json()["Meta Data"]["3. Last Refreshed"]

    simulator.service.clock.set(CLOSE + timedelta(minutes=60))

    assert first < "2010-08-20"
    assert send_query(simulator, **DAILY).json()["Meta Data"]["3. Last Refreshed"] == "2010-08-20"


def test_corrections_change_selected_bars_from_an_instant_on(simulate: Any, send_query: Any) -> None:
    known_at = CLOSE + timedelta(hours=2)
    fault = Fault(FaultKind.CORRECTIONS, at=known_at, keys=("2010-08-19",))
    simulator = simulate(clock=CLOSE, faults=(fault,))
    before = send_query(simulator, **DAILY)
    simulator.service.clock.set(known_at)
    after = send_query(simulator, **DAILY)

    old, new = (response.json()["Time Series (Daily)"] for response in (before, after))
    assert {key for key in old if old[key] != new[key]} == {"2010-08-19"}
    assert {name for name in new["2010-08-19"] if old["2010-08-19"][name] != new["2010-08-19"][name]} == {
        "4. close",
        "5. volume",
    }
    bar = {name[3:]: float(value) for name, value in new["2010-08-19"].items()}
    assert bar["low"] <= bar["close"] <= bar["high"]


def test_a_corrected_history_is_marked_as_simulated(simulate: Any, send_query: Any) -> None:
    response = send_query(simulate(faults=(Fault(FaultKind.CORRECTIONS, rate=0.05),)), **DAILY)

    assert response.headers["X-Simulated"] == "true"
    assert response.json()["Meta Data"]["1. Information"].endswith("(SIMULATED)")


def test_duplicates_repeat_a_bar_with_the_same_values(simulate: Any, send_query: Any) -> None:
    bars = pairs(send_query(simulate(faults=(Fault(FaultKind.DUPLICATES, bars=2),)), **DAILY))

    assert len(bars) == 102
    assert bars[0] == bars[1]
    assert bars[2] == bars[3]
    assert bars[4] != bars[5]


def test_disorder_shuffles_the_bars_and_drops_none(simulate: Any, send_query: Any) -> None:
    simulator = simulate()
    ordered = pairs(send_query(simulator, **DAILY))
    simulator.service.set_faults((Fault(FaultKind.DISORDER),))

    shuffled = pairs(send_query(simulator, **DAILY))

    assert shuffled != ordered
    assert sorted(shuffled) == sorted(ordered)


def test_429_has_retry_after(simulate: Any, send_query: Any) -> None:
    response = send_query(simulate(faults=(Fault(FaultKind.HTTP_429, seconds=7),)), **DAILY)

    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")


def test_503_is_unavailable(simulate: Any, send_query: Any) -> None:
    assert send_query(simulate(faults=(Fault(FaultKind.HTTP_503),)), **DAILY).status_code == 503


def test_a_timeout_hangs_longer_than_the_client_waits(simulate: Any) -> None:
    simulator = simulate(faults=(Fault(FaultKind.TIMEOUT, seconds=30),))

    with pytest.raises(requests.ReadTimeout):
        requests.get(simulator.url, params={"apikey": "k", **DAILY}, timeout=0.3)


def test_a_hung_connection_ends_without_a_response(simulate: Any, send_query: Any) -> None:
    with pytest.raises(requests.ConnectionError):
        send_query(simulate(faults=(Fault(FaultKind.TIMEOUT, seconds=0.05),)), **DAILY)


def test_a_truncated_body_is_shorter_than_promised(simulate: Any, send_query: Any) -> None:
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        send_query(simulate(faults=(Fault(FaultKind.TRUNCATED),)), **DAILY)


def test_html_comes_with_200(simulate: Any, send_query: Any) -> None:
    response = send_query(simulate(faults=(Fault(FaultKind.HTML),)), **DAILY)

    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert response.text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("status", [200, 500])
def test_an_echo_repeats_the_clients_url_and_key(simulate: Any, send_query: Any, status: int) -> None:
    simulator = simulate(faults=(Fault(FaultKind.ECHO_KEY, status=status),))

    response = send_query(simulator, **DAILY, apikey="canary-key")

    assert response.status_code == status
    assert f"{simulator.url}?apikey=canary-key" in response.json()["Error Message"]


def test_faults_affect_only_their_symbols_and_functions(simulate: Any, send_query: Any) -> None:
    fault = Fault(FaultKind.HTTP_503, symbols=("AAPL",), functions=("TIME_SERIES_DAILY",))
    simulator = simulate(faults=(fault,))

    assert send_query(simulator, **DAILY).status_code == 503
    assert send_query(simulator, **{**DAILY, "symbol": "IBM"}).status_code == 200
    assert send_query(simulator, function="OVERVIEW", symbol="AAPL").status_code == 200


def test_a_count_is_not_exceeded_and_stats_show_it(simulate: Any, send_query: Any) -> None:
    simulator = simulate(faults=(Fault(FaultKind.HTTP_503, count=2),))

    statuses = [send_query(simulator, **DAILY).status_code for _ in range(4)]

    assert statuses == [503, 503, 200, 200]
    assert (simulator.service.stats()["faulted"], simulator.service.stats()["served"]) == (2, 2)


def test_a_rate_affects_its_share_of_requests_in_any_order() -> None:
    fault = Fault(FaultKind.HTTP_503, rate=0.3, seed=5)
    forwards, backwards = FaultPlan((fault,)), FaultPlan((fault,))
    symbols = [f"S{i}" for i in range(400)]

    struck = {symbol for symbol in symbols if forwards.active_faults("OVERVIEW", symbol)}

    assert struck == {symbol for symbol in reversed(symbols) if backwards.active_faults("OVERVIEW", symbol)}
    assert 80 < len(struck) < 160


def test_faults_survive_a_json_round_trip() -> None:
    faults = (
        Fault(FaultKind.CORRECTIONS, rate=0.1, at=CLOSE, keys=("2010-08-19",)),
        Fault(FaultKind.HTTP_429, count=3, symbols=("AAPL", "IBM"), seconds=1.5),
    )

    assert parse_faults(dump_faults(faults)) == faults


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "{}",
        "[1]",
        "[{}]",
        '[{"kind": "fire"}]',
        '[{"kind": "html", "colour": 1}]',
        '[{"kind": "html", "rate": 2}]',
        '[{"kind": "html", "rate": "often"}]',
        '[{"kind": "html", "status": 404}]',
        '[{"kind": "html", "symbols": "AAPL"}]',
        '[{"kind": "corrections", "count": 1}]',
        '[{"kind": "corrections", "at": "2010-08-19"}]',
    ],
)
def test_an_invalid_fault_is_refused_with_a_reason(simulate: Any, text: str) -> None:
    with pytest.raises(InvalidFaultError):
        parse_faults(text)
    response = requests.post(f"{simulate().base}/_simulator/faults", data=text, timeout=60)
    assert response.status_code == 400
    assert response.json()["error"]


def test_faults_are_set_over_http(simulate: Any, send_query: Any) -> None:
    simulator = simulate()

    requests.post(f"{simulator.base}/_simulator/faults", json=[{"kind": "http_503"}], timeout=60)
    assert send_query(simulator, **DAILY).status_code == 503
    requests.post(f"{simulator.base}/_simulator/faults", json=[], timeout=60)
    assert send_query(simulator, **DAILY).status_code == 200
