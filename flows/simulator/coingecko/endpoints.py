"""CoinGecko's API: market_chart, its range, ohlc and markets of coins with generated prices.

Responses and refusals are as recorded from the real service; for granularities see https://docs.coingecko.com.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from flows.simulator.coingecko.time_series import DAY_MS, candles, chart_points, chart_step_ms
from flows.simulator.data_faults import correct_points, drop_late_points, repeat_and_shuffle
from flows.simulator.faults import Fault
from flows.simulator.http_response import SIMULATED_HEADER, SimulatedResponse
from flows.simulator.market.crypto_prices import COINS, coin_price, is_known_currency
from flows.simulator.market.series_point import SeriesPoint
from flows.simulator.provider_simulator import SimulatedRequest, SimulatorContext

_API: Final = "/coingecko/api/v3/coins/"
_COIN_PATHS: Final = (["market_chart"], ["market_chart", "range"], ["ohlc"])
_JSON_TYPE: Final = "application/json; charset=utf-8"
_HOUR_MS: Final = 3_600_000
_MAX_HISTORY_MS: Final = 365 * DAY_MS  # how far back a call without a paid plan reaches
_KEY_HEADERS: Final = ("x-cg-demo-api-key", "x-cg-pro-api-key")
_RETRY_AFTER_SECONDS: Final = "60"  # calls are counted per minute

INVALID_KEY: Final = "invalid-key"  # the only key that is refused

_RATE_LIMITED: Final = (
    "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing to subscribe to "
    "our API plans for higher rate limits."
)
_RANGE_TOO_LONG: Final = (
    "Your request exceeds the allowed time range. Public API users are limited to querying historical data "
    "within the past 365 days. Upgrade to a paid plan to enjoy full historical data access: "
    "https://www.coingecko.com/en/api/pricing. "
)


class _RefusalError(Exception):
    """The request gets an error response."""

    def __init__(self, status: int, document: object) -> None:
        super().__init__(status)
        self.response = _json(document, status)


class CoinGeckoSimulator:
    """Serves CoinGecko's API; every response is marked as simulated."""

    prefix = "/coingecko/"

    def __init__(self, context: SimulatorContext) -> None:
        self._context = context

    def fault_target(self, request: SimulatedRequest) -> tuple[str, str]:
        """The function (market_chart, ohlc, markets), and the coin as the watch list writes it: BTC-USD."""
        parts = request.path.removeprefix(_API).split("/")
        coin_id = request.params.get("ids", "") if parts[0] == "markets" else parts[0]
        ticker = COINS[coin_id].ticker if coin_id in COINS else coin_id
        return parts[min(1, len(parts) - 1)], f"{ticker}-{request.params.get('vs_currency', '')}".upper()

    def respond(self, request: SimulatedRequest, faults: tuple[Fault, ...]) -> SimulatedResponse:
        """The response, with the data faults applied to charts and candles."""
        try:
            return _json(self._document(request, faults))
        except _RefusalError as refusal:
            return refusal.response

    def rate_limited(self) -> SimulatedResponse:
        """HTTP 429 with the recorded body and a Retry-After of one minute."""
        document = {"status": {"error_code": 429, "error_message": _RATE_LIMITED}}
        return _json(document, 429, (("Retry-After", _RETRY_AFTER_SECONDS),))

    def _document(self, request: SimulatedRequest, faults: Sequence[Fault]) -> object:
        if INVALID_KEY in {request.headers.get(name) for name in _KEY_HEADERS}:
            raise _RefusalError(401, {"status": {"error_code": 10002, "error_message": "API Key Missing"}})
        now, parts = self._context.clock.now(), request.path.removeprefix(_API).split("/")
        if parts == ["markets"]:
            return self._markets(request.params, now)
        if not request.path.startswith(_API) or parts[1:] not in _COIN_PATHS:
            raise _RefusalError(404, {"error": "Incorrect path. Please check https://www.coingecko.com/api/"})
        if parts[0] not in COINS:
            raise _RefusalError(404, {"error": "coin not found"})
        points = self._points(parts[0], parts[-1], request.params, now)
        _, symbol = self.fault_target(request)
        oldest_first = list(reversed(_with_faults(points, faults, symbol, now)))
        return _ohlc(oldest_first) if parts[-1] == "ohlc" else _chart(oldest_first, COINS[parts[0]].supply)

    def _points(
        self, coin_id: str, kind: str, params: Mapping[str, str], now: datetime
    ) -> Sequence[SeriesPoint]:
        """The requested points before data faults, newest first."""
        currency, now_ms = _currency(params), _ms(now)
        price = partial(coin_price, self._context.market.seed, coin_id, currency)
        if kind == "ohlc":
            return candles(price, _days(params), now_ms)
        if kind == "range":
            first, last = _range(params, now_ms)
            return chart_points(price, first, min(last, now_ms), chart_step_ms(first, last, now_ms))
        first = now_ms - _days(params) * DAY_MS
        step_ms = DAY_MS if params.get("interval") == "daily" else chart_step_ms(first, now_ms, now_ms)
        return chart_points(price, first, now_ms, step_ms)

    def _markets(self, params: Mapping[str, str], now: datetime) -> list[dict[str, object]]:
        currency = _currency(params)
        coin_ids = params.get("ids", ",".join(COINS)).split(",")
        return [self._market(coin_id, currency, now) for coin_id in coin_ids if coin_id in COINS]

    def _market(self, coin_id: str, currency: str, now: datetime) -> dict[str, object]:
        coin, now_ms, seed = COINS[coin_id], _ms(now), self._context.market.seed
        prices = [coin_price(seed, coin_id, currency, now_ms - hours * _HOUR_MS) for hours in range(25)]
        return {
            "id": coin_id,
            "symbol": coin.ticker,
            "name": coin.name,
            "current_price": prices[0],
            "market_cap": round(prices[0] * coin.supply),
            "total_volume": round(prices[0] * coin.supply / 50),
            "high_24h": max(prices),
            "low_24h": min(prices),
            "price_change_24h": prices[0] - prices[-1],
            "circulating_supply": coin.supply,
            "last_updated": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03}Z",
        }


def _json(
    document: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()
) -> SimulatedResponse:
    body = json.dumps(document, separators=(",", ":")).encode()
    return SimulatedResponse(body, _JSON_TYPE, status, (SIMULATED_HEADER, *headers))


def _with_faults(
    points: Sequence[SeriesPoint], faults: Sequence[Fault], symbol: str, now: datetime
) -> Sequence[SeriesPoint]:
    arrived = drop_late_points(points, faults, now)
    return repeat_and_shuffle(correct_points(arrived, faults, symbol, now), faults, symbol)


def _ohlc(points: Sequence[SeriesPoint]) -> list[list[float]]:
    return [[int(point.key), *(float(price) for price in point[2:6])] for point in points]


def _chart(points: Sequence[SeriesPoint], supply: float) -> dict[str, list[list[float]]]:
    prices = [[int(point.key), float(point.close)] for point in points]
    market_caps = [[at, price * supply] for at, price in prices]
    volumes = [[at, market_cap / 50] for at, market_cap in market_caps]  # of rolling 24 hours
    return {"prices": prices, "market_caps": market_caps, "total_volumes": volumes}


def _currency(params: Mapping[str, str]) -> str:
    currency = _required(params, "vs_currency")
    if not is_known_currency(currency):
        raise _RefusalError(422, {"error": "invalid vs_currency"})
    return currency


def _days(params: Mapping[str, str]) -> int:
    days = _required(params, "days")
    if not (days.isascii() and days.isdigit() and int(days[:6])):
        raise _RefusalError(422, {"error": "Invalid days parameter"})
    if int(days[:6]) * DAY_MS > _MAX_HISTORY_MS:
        raise _range_too_long()
    return int(days)


def _range(params: Mapping[str, str], now_ms: int) -> tuple[int, int]:
    stamps = [_required(params, name) for name in ("from", "to")]
    if not all(stamp.isascii() and stamp.isdigit() for stamp in stamps):
        raise _RefusalError(422, {"error": "Invalid from or to parameter"})
    first, last = (int(stamp[:12]) * 1000 for stamp in stamps)
    # One day more than allowed, so that a range of whole days passes at any hour.
    if first < now_ms - _MAX_HISTORY_MS - DAY_MS:
        raise _range_too_long()
    return first, last


def _required(params: Mapping[str, str], name: str) -> str:
    if not params.get(name):
        raise _RefusalError(422, {"error": f"Missing parameter {name}"})
    return params[name]


def _range_too_long() -> _RefusalError:
    return _RefusalError(401, {"error": {"status": {"error_code": 10012, "error_message": _RANGE_TOO_LONG}}})


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
