"""Simulated Yahoo charts have Yahoo's format and the real histories."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query, RawPayload
from flows.handlers.transport.retry import HttpPolicy
from flows.handlers.yahoo.handler import connect
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.market.real_prices import load_histories
from flows.simulator.server import Simulator

NOW = datetime(2010, 8, 20, 22, tzinfo=UTC)
_YAHOO = Path(__file__).resolve().parents[2] / "../shared/data/yahoo"

Get = Callable[..., requests.Response]
Fetch = Callable[[Query], RawPayload]


@pytest.fixture(name="simulator")
def _simulator(simulate: Callable[..., Simulator]) -> Simulator:
    return simulate(clock=NOW)


@pytest.fixture(name="get")
def _get(simulator: Simulator) -> Iterator[Get]:
    with requests.Session() as session:
        yield lambda path, **params: session.get(
            f"{simulator.base}/yahoo/v8/finance/chart/{path}", params=params, timeout=10
        )


@pytest.fixture(name="fetch")
def _fetch(simulator: Simulator, tmp_path: Path) -> Iterator[Fetch]:
    """Fetches one response with the real handler."""
    base_url = f"{simulator.base}/yahoo/v8/finance/chart"
    policy = HttpPolicy(attempts=1, malformed_attempts=1)
    handler = connect(tmp_path, base_url=base_url, clock=lambda: NOW, policy=policy)

    def only(query: Query) -> RawPayload:
        (record,) = handler.fetch(query)
        return record

    yield only
    handler.close()


def _chart(record: RawPayload) -> dict[str, Any]:
    chart: dict[str, Any] = json.loads(record.body)["chart"]["result"][0]
    return chart


def _class_of(fetch: Fetch, query: Query) -> ErrorClass:
    with pytest.raises(ProviderError) as raised:
        fetch(query)
    return raised.value.error_class


def test_the_whole_daily_history_is_real_and_not_marked_as_simulated(fetch: Fetch) -> None:
    record = fetch(Query("daily", "IBM", is_full=True))

    chart = _chart(record)
    (quote,) = chart["indicators"]["quote"]
    history = load_histories()["IBM"]
    assert quote["close"] == [float(bar.close) for bar in history]
    assert quote["volume"] == [bar.volume for bar in history]
    opened = [datetime.fromtimestamp(epoch, UTC) for epoch in chart["timestamp"]]
    assert [at.date() for at in opened] == [bar.trade_dt for bar in history]
    assert {(at.hour, at.minute) for at in opened} == {(13, 30), (14, 30)}
    assert not record.is_simulated


def test_the_body_has_the_structure_of_a_real_one(fetch: Fetch) -> None:
    capture = _YAHOO / "chart_v8/historical-via-chart-AAPL-2020-01-01-to-2020-01-03.json"
    if not capture.is_file():
        pytest.skip("the captures of Yahoo's bodies are not on this machine")
    real = json.loads(capture.read_text())["response"]["bodyJson"]["chart"]["result"][0]
    simulated = _chart(fetch(Query("daily", "IBM")))
    assert list(simulated) == list(real)
    assert list(simulated["indicators"]) == list(real["indicators"])
    assert set(simulated["indicators"]["quote"][0]) == set(real["indicators"]["quote"][0])
    assert [name for name in real["meta"] if name in simulated["meta"]] == list(simulated["meta"])


@pytest.mark.parametrize("query", [Query("daily", "EURUSD"), Query("intraday", "IBM", "60min")])
def test_generated_data_are_marked_as_simulated(query: Query, fetch: Fetch) -> None:
    assert fetch(query).is_simulated


def test_intraday_bars_add_up_to_the_day(fetch: Fetch) -> None:
    day = date(2010, 8, 19)
    chart = _chart(fetch(Query("intraday", "IBM", "60min", start=day, end=day)))
    (quote,) = chart["indicators"]["quote"]
    (real,) = (bar for bar in load_histories()["IBM"] if bar.trade_dt == day)
    assert len(chart["timestamp"]) == 7
    assert (quote["open"][0], quote["close"][-1]) == (float(real.open), float(real.close))
    assert sum(quote["volume"]) == real.volume
    assert chart["meta"]["dataGranularity"] == "1h"


def test_share_classes_and_currency_pairs_have_yahoos_spelling(fetch: Fetch) -> None:
    assert _chart(fetch(Query("daily", "BRK.B")))["meta"]["symbol"] == "BRK-B"
    pair = _chart(fetch(Query("daily", "EURUSD")))
    assert (pair["meta"]["symbol"], pair["meta"]["instrumentType"]) == ("EURUSD=X", "CURRENCY")
    # midnight in London, in summer time
    assert {epoch % 86_400 for epoch in pair["timestamp"]} == {23 * 3600}


def test_a_daily_bar_is_served_after_its_session_has_ended(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(clock=datetime(2010, 8, 20, 18, tzinfo=UTC))
    url = f"{simulator.base}/yahoo/v8/finance/chart/IBM"
    chart = requests.get(url, params={"range": "5d"}, timeout=60).json()["chart"]["result"][0]
    assert datetime.fromtimestamp(chart["timestamp"][-1], UTC).date() == date(2010, 8, 19)


@pytest.mark.parametrize("symbol", ["NOSUCH", "BRK.B", "XXXYYY=X", "BTC-USD", "..%2Fx"])
def test_an_unknown_symbol_gets_yahoos_404(symbol: str, get: Get) -> None:
    response = get(symbol, interval="1d", range="1mo")
    assert response.status_code == 404
    expected = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
    assert response.json() == {"chart": {"result": None, "error": expected}}
    captured = _YAHOO / "errors/chart_404_not_found.json"
    assert not captured.is_file() or response.json() == json.loads(captured.read_text())


def test_a_range_without_bars_is_a_chart_without_timestamps(get: Get) -> None:
    response = get("IBM", interval="1d", period1="1282348800", period2="1282435200")  # a Saturday
    (chart,) = response.json()["chart"]["result"]
    assert "timestamp" not in chart
    assert chart["indicators"] == {"quote": [{}]}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (
            Query("intraday", "IBM", "1min", start=date(2010, 6, 1), end=date(2010, 6, 2)),
            "within the last 30 days",
        ),
        (
            Query("intraday", "IBM", "1min", start=date(2010, 8, 1), end=date(2010, 8, 13)),
            "Only 8 days worth",
        ),
        (Query("intraday", "IBM", "5min", start=date(2010, 6, 1), end=date(2010, 6, 2)), "the last 60 days"),
    ],
)
def test_a_range_that_yahoo_does_not_serve_is_refused_in_its_words(
    query: Query, sentence: str, fetch: Fetch
) -> None:
    with pytest.raises(ProviderError) as raised:
        fetch(query)
    assert raised.value.error_class is ErrorClass.bad_symbol
    assert raised.value.payload is not None
    assert raised.value.payload.status == 422
    assert sentence in raised.value.payload.body.decode()


@pytest.mark.parametrize(
    "params",
    [
        {"interval": "7m"},
        {"interval": "1d", "range": "7d"},
        {"interval": "1d", "period1": "x", "period2": "1"},
        {"interval": "1d", "period1": "1"},
        {"interval": "1d", "period1": "1", "period2": "9" * 30},
    ],
)
def test_invalid_parameters_are_refused(params: dict[str, str], get: Get) -> None:
    response = get("IBM", **params)
    assert response.status_code == 422
    assert response.json()["chart"]["error"]["description"].startswith("Invalid input")


def test_a_call_above_the_rate_limit_gets_429_in_plain_text(simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(clock=NOW, calls_per_minute=2)
    url = f"{simulator.base}/yahoo/v8/finance/chart/IBM"
    responses = [requests.get(url, timeout=60) for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 429]
    assert responses[-1].text == "Edge: Too Many Requests"
    assert simulator.service.stats()["protocols"]["yahoo"] == {"served": 2, "refused": 1}  # type: ignore[index]


def test_faults_are_selected_by_the_watch_lists_symbol(simulator: Simulator, fetch: Fetch) -> None:
    simulator.service.set_faults([Fault(FaultKind.HTTP_503, symbols=("EURUSD",), functions=("CHART",))])
    assert _class_of(fetch, Query("daily", "EURUSD")) is ErrorClass.unavailable
    assert fetch(Query("daily", "IBM")).status == 200


def test_bars_can_be_late_and_corrected(simulator: Simulator, fetch: Fetch) -> None:
    query = Query("daily", "IBM")
    before = _chart(fetch(query))
    simulator.service.set_faults([Fault(FaultKind.LATE_BARS, seconds=86_400.0)])
    assert _chart(fetch(query))["timestamp"] == before["timestamp"][:-1]

    simulator.service.set_faults([Fault(FaultKind.CORRECTIONS, keys=("2010-08-20",))])
    record = fetch(query)
    volumes = _chart(record)["indicators"]["quote"][0]["volume"]
    assert volumes[:-1] == before["indicators"]["quote"][0]["volume"][:-1]
    assert volumes[-1] > before["indicators"]["quote"][0]["volume"][-1]
    assert record.is_simulated


def test_the_handler_rejects_the_maintenance_page(simulator: Simulator, fetch: Fetch) -> None:
    simulator.service.set_faults([Fault(FaultKind.HTML)])
    assert _class_of(fetch, Query("daily", "IBM")) is ErrorClass.malformed
