"""CoinGecko's protocol: market_chart, its range, ohlc and markets of coins drawn by seed.

Answers and refusals as recorded from the real service; https://docs.coingecko.com for the granularities.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from flows.simulator.alphavantage.rendering import Point
from flows.simulator.coingecko.time_series import candles, chart_points, chart_step_ms
from flows.simulator.data_faults import correct, disarrange, drop_late
from flows.simulator.faults import Fault
from flows.simulator.http_response import Answer
from flows.simulator.market.crypto_prices import COINS, coin_price, is_known_currency

if TYPE_CHECKING:  # speakers imports this module, to list it
    from flows.simulator.provider_simulator import HttpCall, Surroundings

_API: Final = "/coingecko/api/v3/coins/"
_DAY_MS: Final = 86_400_000
_LONGEST_MS: Final = 365 * _DAY_MS  # as far back as a call without a paid plan reaches
_KEY_HEADERS: Final = ("x-cg-demo-api-key", "x-cg-pro-api-key")
_RETRY_AFTER_SECONDS: Final = "60"  # the minute in which calls are counted

INVALID_KEY: Final = "invalid-key"  # the one key that is refused

_TOO_MANY: Final = (
    "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing to subscribe to "
    "our API plans for higher rate limits."
)
_TOO_FAR: Final = (
    "Your request exceeds the allowed time range. Public API users are limited to querying historical data "
    "within the past 365 days. Upgrade to a paid plan to enjoy full historical data access: "
    "https://www.coingecko.com/en/api/pricing. "
)


class _RefusalError(Exception):
    """A call that is answered with an error body."""

    def __init__(self, status: int, document: object) -> None:
        super().__init__(status)
        self.answer = _answer(document, status)


@dataclass
class CoinGeckoSpeaker:
    """Speaks CoinGecko below `prefix`; every answer says that it is simulated."""

    around: Surroundings
    prefix: str = "/coingecko/"

    def function(self, call: HttpCall) -> tuple[str, str]:
        """The function (market_chart, ohlc, markets) and the coin as the watch list writes it: BTC-USD."""
        parts = call.path.removeprefix(_API).split("/")
        coin_id = call.params.get("ids", "") if parts[0] == "markets" else parts[0]
        ticker = COINS[coin_id].ticker if coin_id in COINS else coin_id
        return parts[min(1, len(parts) - 1)], f"{ticker}-{call.params.get('vs_currency', '')}".upper()

    def answer(self, call: HttpCall, faults: tuple[Fault, ...]) -> Answer:
        """The answer, with the faults of data applied to charts and candles."""
        try:
            return _answer(self._document(call, faults))
        except _RefusalError as refusal:
            return refusal.answer

    def too_many(self) -> Answer:
        """HTTP 429 with the recorded body, to be asked again after a minute."""
        document = {"status": {"error_code": 429, "error_message": _TOO_MANY}}
        return _answer(document, 429, (("Retry-After", _RETRY_AFTER_SECONDS),))

    def _document(self, call: HttpCall, faults: Sequence[Fault]) -> object:
        if INVALID_KEY in {call.headers.get(name) for name in _KEY_HEADERS}:
            raise _RefusalError(401, {"status": {"error_code": 10002, "error_message": "API Key Missing"}})
        now, parts = self.around.clock.now(), call.path.removeprefix(_API).split("/")
        if parts == ["markets"]:
            return self._markets(call.params, now)
        if not call.path.startswith(_API) or parts[1:] not in (
            ["market_chart"],
            ["market_chart", "range"],
            ["ohlc"],
        ):
            raise _RefusalError(404, {"error": "Incorrect path. Please check https://www.coingecko.com/api/"})
        if parts[0] not in COINS:
            raise _RefusalError(404, {"error": "coin not found"})
        points = self._points(parts[0], parts[-1], call.params, now)
        _, symbol = self.function(call)
        oldest_first = list(reversed(_disturbed(points, faults, symbol, now)))
        return _ohlc(oldest_first) if parts[-1] == "ohlc" else _chart(oldest_first, COINS[parts[0]].supply)

    def _points(self, coin_id: str, kind: str, params: Mapping[str, str], now: datetime) -> Sequence[Point]:
        """Newest first."""
        currency, now_ms = _currency(params), _ms(now)
        price = partial(coin_price, self.around.market.seed, coin_id, currency)
        if kind == "ohlc":
            return candles(price, _days(params), now_ms)
        if kind == "range":
            first, last = _range(params, now_ms)
            return chart_points(price, first, min(last, now_ms), chart_step_ms(first, last, now_ms))
        days = _days(params)
        first = now_ms - days * _DAY_MS
        is_daily = params.get("interval") == "daily"
        return chart_points(
            price, first, now_ms, _DAY_MS if is_daily else chart_step_ms(first, now_ms, now_ms)
        )

    def _markets(self, params: Mapping[str, str], now: datetime) -> list[dict[str, object]]:
        currency = _currency(params)
        wanted = params.get("ids", ",".join(COINS)).split(",")
        return [self._market(coin_id, currency, now) for coin_id in wanted if coin_id in COINS]

    def _market(self, coin_id: str, currency: str, now: datetime) -> dict[str, object]:
        coin, now_ms = COINS[coin_id], _ms(now)
        last_day = [
            coin_price(self.around.market.seed, coin_id, currency, now_ms - hours * 3_600_000)
            for hours in range(25)
        ]
        return {
            "id": coin_id,
            "symbol": coin.ticker,
            "name": coin.name,
            "current_price": last_day[0],
            "market_cap": round(last_day[0] * coin.supply),
            "total_volume": round(last_day[0] * coin.supply / 50),
            "high_24h": max(last_day),
            "low_24h": min(last_day),
            "price_change_24h": last_day[0] - last_day[-1],
            "circulating_supply": coin.supply,
            "last_updated": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03}Z",
        }


def _answer(document: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    body = json.dumps(document, separators=(",", ":")).encode()
    type_ = "application/json; charset=utf-8"
    return Answer(body, type_, status, (("X-Simulated", "true"), *headers))


def _disturbed(
    points: Sequence[Point], faults: Sequence[Fault], symbol: str, now: datetime
) -> Sequence[Point]:
    in_time = drop_late(points, faults, now)
    return disarrange(correct(in_time, faults, symbol, now), faults, symbol)


def _ohlc(points: Sequence[Point]) -> list[list[float]]:
    return [[int(point.key), *(float(price) for price in point[2:6])] for point in points]


def _chart(points: Sequence[Point], supply: float) -> dict[str, list[list[float]]]:
    prices = [[int(point.key), float(point.close)] for point in points]
    values = [[at, price * supply] for at, price in prices]
    # of rolling 24 hours, as the real ones
    volumes = [[at, value / 50] for at, value in values]
    return {"prices": prices, "market_caps": values, "total_volumes": volumes}


def _currency(params: Mapping[str, str]) -> str:
    currency = _required(params, "vs_currency")
    if not is_known_currency(currency):
        raise _RefusalError(422, {"error": "invalid vs_currency"})
    return currency


def _days(params: Mapping[str, str]) -> int:
    days = _required(params, "days")
    if not (days.isascii() and days.isdigit() and int(days[:6])):
        raise _RefusalError(422, {"error": "Invalid days parameter"})
    if int(days[:6]) * _DAY_MS > _LONGEST_MS:
        raise _too_far()
    return int(days)


def _range(params: Mapping[str, str], now_ms: int) -> tuple[int, int]:
    stamps = [_required(params, name) for name in ("from", "to")]
    if not all(stamp.isascii() and stamp.isdigit() for stamp in stamps):
        raise _RefusalError(422, {"error": "Invalid from or to parameter"})
    first, last = (int(stamp[:12]) * 1000 for stamp in stamps)
    # a day more than allowed, so that a range of whole days passes at any hour
    if first < now_ms - _LONGEST_MS - _DAY_MS:
        raise _too_far()
    return first, last


def _required(params: Mapping[str, str], name: str) -> str:
    if not params.get(name):
        raise _RefusalError(422, {"error": f"Missing parameter {name}"})
    return params[name]


def _too_far() -> _RefusalError:
    return _RefusalError(401, {"error": {"status": {"error_code": 10012, "error_message": _TOO_FAR}}})


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
