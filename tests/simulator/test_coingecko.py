"""Simulated CoinGecko: granularities, refusals and faults, and prices that never change."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.handlers.coingecko.coins import COIN_IDS
from flows.handlers.coingecko.responses import classify_response
from flows.handlers.errors import ErrorClass
from flows.handlers.transport.http_response import combined_class
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.market.crypto_prices import COINS, coin_price
from flows.simulator.server import Simulator

NOW = datetime(2024, 3, 9, 12, 0, 30, tzinfo=UTC)  # a Saturday
MINUTE_MS = 60_000
DAY_MS = 1440 * MINUTE_MS
CHART = "bitcoin/market_chart"
Get = Callable[..., requests.Response]


@pytest.fixture(name="get")
def _get(simulate: Callable[..., Simulator]) -> Get:
    simulator = simulate(clock=NOW)
    return lambda path, headers=None, **params: request_coins(simulator, path, headers, **params)


def request_coins(simulator: Any, path: str, headers: Any = None, **params: str) -> requests.Response:
    url = f"{simulator.base}/coingecko/api/v3/coins/{path}"
    return requests.get(url, params={"vs_currency": "usd", **params}, headers=headers, timeout=60)


@pytest.mark.parametrize(
    ("days", "minutes", "points"), [("1", 5, 289), ("2", 60, 49), ("90", 60, 2161), ("91", 1440, 92)]
)
def test_the_number_of_days_sets_the_spacing_of_a_chart(
    simulate: Callable[..., Simulator], days: str, minutes: int, points: int
) -> None:
    simulator = simulate(clock=NOW)
    prices = request_coins(simulator, CHART, days=days).json()["prices"]
    latest = simulator.service.clock.now()

    assert abs(len(prices) - points) <= 1
    distances = sorted(later - earlier for (earlier, _), (later, _) in pairwise(prices))
    assert distances[len(distances) // 2] == pytest.approx(minutes * MINUTE_MS, rel=0.2)
    assert NOW.timestamp() * 1000 <= prices[-1][0] <= latest.timestamp() * 1000


def test_a_daily_chart_has_midnights_and_the_current_price(get: Get) -> None:
    prices = get(CHART, days="30", interval="daily").json()["prices"]

    assert len(prices) == 31
    assert {at % DAY_MS for at, _ in prices[:-1]} == {0}


@pytest.mark.parametrize(("days", "minutes", "rows"), [("1", 30, 48), ("7", 240, 42), ("90", 5760, 22)])
def test_the_number_of_days_sets_the_length_of_a_candle(get: Get, days: str, minutes: int, rows: int) -> None:
    candles = get("bitcoin/ohlc", days=days).json()

    assert abs(len(candles) - rows) <= 1
    assert {later[0] - earlier[0] for earlier, later in pairwise(candles)} == {minutes * MINUTE_MS}
    assert NOW.timestamp() * 1000 - minutes * MINUTE_MS < candles[-1][0] <= NOW.timestamp() * 1000
    assert all(low <= min(first, last) <= max(first, last) <= high for _, first, high, low, last in candles)


def test_the_price_at_an_instant_never_changes(simulate: Callable[..., Simulator]) -> None:
    first = request_coins(simulate(clock=NOW), CHART, days="1").json()["prices"]
    later = request_coins(simulate(clock=NOW + timedelta(hours=6)), CHART, days="1").json()["prices"]

    held = dict(map(tuple, later))
    shared = [(at, price) for at, price in first[:-1] if at in held]
    assert len(shared) > 200
    assert all(held[at] == price for at, price in shared)


def test_candles_and_charts_have_the_same_prices(get: Get) -> None:
    *_, (end, _, _, _, close) = get("bitcoin/ohlc", days="1").json()
    assert close == coin_price(0, "bitcoin", "usd", end)


def test_a_range_is_hourly_and_prices_depend_on_the_seed(simulate: Callable[..., Simulator]) -> None:
    ends = {"from": str(int(NOW.timestamp()) - 30 * 86400), "to": str(int(NOW.timestamp()) - 29 * 86400)}
    one, two = (
        request_coins(simulate(clock=NOW, seed=seed), f"{CHART}/range", **ends).json()["prices"]
        for seed in (1, 2)
    )

    assert len(one) == 25
    assert [at for at, _ in one] == [at for at, _ in two]
    assert [price for _, price in one] != [price for _, price in two]


def test_markets_lists_the_requested_coins(get: Get) -> None:
    (bitcoin, pepe) = get("markets", ids="bitcoin,nosuch,pepe").json()

    assert (bitcoin["symbol"], pepe["name"]) == ("btc", "Pepe")
    assert bitcoin["low_24h"] <= bitcoin["current_price"] <= bitcoin["high_24h"]
    assert get("markets", ids="nosuch").json() == []
    assert len(get("markets").json()) == len(COINS)


def test_small_prices_have_exponents_like_the_real_ones(get: Get) -> None:
    assert "e-05" in get("pepe/market_chart", days="1").text


def test_every_response_is_marked_as_simulated(get: Get) -> None:
    for path in (CHART, "bitcoin/ohlc", "markets", "nosuch/ohlc"):
        assert get(path, days="1").headers["X-Simulated"] == "true"


@pytest.mark.parametrize(
    ("path", "params", "status", "error_class"),
    [
        ("nosuch/market_chart", {"days": "1"}, 404, ErrorClass.bad_symbol),
        (CHART, {}, 422, ErrorClass.bad_symbol),
        (CHART, {"days": "x"}, 422, ErrorClass.bad_symbol),
        (CHART, {"days": "1", "vs_currency": ""}, 422, ErrorClass.bad_symbol),
        (CHART, {"days": "1", "vs_currency": "xxx"}, 422, ErrorClass.bad_symbol),
        (CHART, {"days": "366"}, 401, ErrorClass.not_entitled),
        (f"{CHART}/range", {"from": "1", "to": "2"}, 401, ErrorClass.not_entitled),
        (f"{CHART}/range", {"from": "x", "to": "2"}, 422, ErrorClass.bad_symbol),
        ("bitcoin/nosuch", {}, 404, ErrorClass.malformed),
    ],
)
def test_the_handler_classifies_each_refusal(
    get: Get, path: str, params: dict[str, str], status: int, error_class: ErrorClass
) -> None:
    response = get(path, **params)

    assert response.status_code == status
    by_body = classify_response(response.content, response.headers["Content-Type"])
    assert combined_class(status, by_body) is error_class


def test_the_invalid_key_is_refused(get: Get) -> None:
    response = get(CHART, {"x-cg-demo-api-key": "invalid-key"}, days="1")
    assert (response.status_code, classify_response(response.content, "")) == (
        401,
        ErrorClass.bad_credentials,
    )


def test_a_missing_parameter_and_the_rate_limit_have_the_real_texts(
    simulate: Callable[..., Simulator],
) -> None:
    folder = Path(__file__).resolve().parents[2] / "../shared/data/coingecko"
    if not folder.is_dir():
        pytest.skip("the captures of CoinGecko's bodies are not part of the project (2026-11)")
    simulator = simulate(clock=NOW, calls_per_minute=1)

    missing = request_coins(simulator, CHART, vs_currency="")
    refused = request_coins(simulator, CHART)

    assert missing.content == (folder / "bodies/coins_bitcoin_market_chart__422.json").read_bytes()
    assert refused.content == (folder / "errors/429_rate_limit.json").read_bytes().rstrip(b"\n")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")


def test_faults_affect_only_their_coin(simulate: Callable[..., Simulator]) -> None:
    faults = (
        Fault(FaultKind.DISORDER, symbols=("BTC-USD",), functions=("market_chart",)),
        Fault(FaultKind.CORRECTIONS, symbols=("ETH-USD",)),
        Fault(FaultKind.LATE_BARS, symbols=("SOL-USD",), seconds=7200.0, bars=2),
        Fault(FaultKind.HTTP_503, symbols=("DOGE-USD",)),
    )
    faulty, sound = simulate(clock=NOW, faults=faults), simulate(clock=NOW)

    def prices(simulator: Simulator, coin_id: str) -> list[Any]:
        points: list[Any] = request_coins(simulator, f"{coin_id}/market_chart", days="1").json()["prices"]
        return points[:-1]

    stamps = [at for at, _ in prices(faulty, "bitcoin")]
    assert stamps != sorted(stamps)
    was, corrected = prices(sound, "ethereum")[5], prices(faulty, "ethereum")[5]
    assert corrected == [was[0], pytest.approx(was[1] * 1.002)]
    assert len(prices(faulty, "solana")) == len(prices(sound, "solana")) - 2
    assert request_coins(faulty, "dogecoin/ohlc", days="1").status_code == 503


def test_every_coin_of_the_handler_is_simulated() -> None:
    assert {coin.ticker.upper(): coin_id for coin_id, coin in COINS.items()}.items() >= COIN_IDS.items()
