"""Bodies are written as Alpha Vantage writes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.simulator.server import Simulator

DAILY = {"function": "TIME_SERIES_DAILY", "symbol": "IBM"}
INTRADAY = {"function": "TIME_SERIES_INTRADAY", "symbol": "IBM", "interval": "5min"}
FX = {"function": "FX_DAILY", "from_symbol": "EUR", "to_symbol": "USD"}
OVERVIEW = {"function": "OVERVIEW", "symbol": "IBM"}
INVALID = "Invalid API call. Please retry or visit the documentation"


@pytest.fixture(name="get")
def _get(simulate: Callable[..., Simulator], send_query: Any) -> Callable[..., Any]:
    simulator = simulate()
    return lambda **params: send_query(simulator, **params)


@pytest.mark.parametrize("params", [DAILY, INTRADAY, FX, OVERVIEW])
def test_bodies_are_json_with_four_spaces_and_no_final_newline(get: Any, params: dict[str, str]) -> None:
    response = get(**params)

    assert response.headers["Content-Type"] == "application/json"
    assert response.text == json.dumps(response.json(), indent=4)


@pytest.mark.parametrize(
    ("params", "capture"),
    [(DAILY, "timeseries/daily"), (INTRADAY, "timeseries/intraday"), (FX, "forex/daily")],
)
def test_keys_and_their_order_match_the_real_body(
    get: Any, captures: Path, params: dict[str, str], capture: str
) -> None:
    real = json.loads((captures / "crazzyghost_truncated" / f"{capture}.json").read_text())
    simulated = get(**params, outputsize="full").json()

    assert list(simulated) == list(real)
    assert list(simulated["Meta Data"]) == list(real["Meta Data"])
    for name in ("Output Size", "Time Zone"):
        assert [v for k, v in simulated["Meta Data"].items() if name in k] == [
            v for k, v in real["Meta Data"].items() if name in k
        ]
    title = list(real)[1]
    assert list(next(iter(simulated[title].values()))) == list(next(iter(real[title].values())))


@pytest.mark.parametrize("params", [INTRADAY, FX, OVERVIEW])
def test_generated_data_are_marked_as_simulated(get: Any, params: dict[str, str]) -> None:
    response = get(**params)

    assert response.headers["X-Simulated"] == "true"
    assert "SIMULATED" in response.text


def test_the_real_history_is_not_marked_as_simulated(get: Any) -> None:
    response = get(**DAILY)

    assert "X-Simulated" not in response.headers
    assert "simulated" not in response.text.lower()


def test_compact_is_the_newest_100_points_and_the_default(get: Any) -> None:
    full = list(get(**DAILY, outputsize="full").json()["Time Series (Daily)"])

    assert full == sorted(full, reverse=True)
    assert len(full) > 200
    assert list(get(**DAILY).json()["Time Series (Daily)"]) == full[:100]
    assert len(get(**INTRADAY).json()["Time Series (5min)"]) == 100


def test_intraday_without_a_month_is_the_trailing_30_days(get: Any) -> None:
    keys = list(get(**INTRADAY, outputsize="full").json()["Time Series (5min)"])

    assert keys[0] == "2010-08-20 15:55:00"
    assert keys[-1] == "2010-07-22 09:30:00"


def test_a_month_holds_that_month_and_half_days_end_at_13(get: Any) -> None:
    keys = list(get(**INTRADAY, outputsize="full", month="2009-11").json()["Time Series (5min)"])

    assert {key[:7] for key in keys} == {"2009-11"}
    assert next(key for key in keys if key.startswith("2009-11-27")) == "2009-11-27 12:55:00"


def test_csv_has_the_real_header(get: Any, captures: Path) -> None:
    (capture,) = (captures / "portfoliotree_csv_json/time_series").glob("TIME_SERIES_INTRADAY_*.csv")

    lines = get(**INTRADAY, datatype="csv").text.splitlines()

    assert lines[0] == capture.read_text().splitlines()[0]
    assert len(lines) == 101
    assert get(**FX, datatype="csv").text.splitlines()[0] == "timestamp,open,high,low,close"


@pytest.mark.parametrize(
    "change",
    [
        {"symbol": "NOSUCH"},
        {"symbol": "../x"},
        {"symbol": "'\"; drop"},
        {"symbol": "X" * 10_000},
        {"interval": "7min"},
        {"month": "2010-13"},
        {"month": "2015-01"},
        {"outputsize": "huge"},
    ],
)
def test_an_invalid_parameter_is_an_invalid_call(get: Any, change: dict[str, str]) -> None:
    response = get(**{**INTRADAY, **change})

    assert response.status_code == 200
    assert list(response.json()) == ["Error Message"]
    assert response.json()["Error Message"].startswith(INVALID)


def test_an_unknown_currency_is_an_invalid_call(get: Any) -> None:
    assert INVALID in get(function="FX_DAILY", from_symbol="EUR", to_symbol="XXX").text


def test_an_unknown_function_does_not_exist(get: Any) -> None:
    assert get(function="NO").json() == {"Error Message": "This API function (NO) does not exist."}


def test_an_invalid_call_has_the_real_text(get: Any, captures: Path) -> None:
    real = (captures / "errors/error_invalid_call.json").read_text().rstrip("\n")

    assert get(**{**INTRADAY, "symbol": "NOSUCH"}).text == real
