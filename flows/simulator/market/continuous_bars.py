"""Generated bars of coins, which trade around the clock, and intraday bars of exchange rates."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from flows.simulator.market.crypto_prices import COINS, coin_price, is_known_currency
from flows.simulator.market.fx_rates import FxBar
from flows.simulator.market.random_seeds import stable_random, stable_share
from flows.simulator.market.series_point import SeriesPoint

COIN_HISTORY_DAYS = 350  # as many as a real daily response has
_SAMPLES = 12  # prices per bar
_PLACES = {"coin": 8, "rate": 5}
_SMALL_RATE, _SMALL_PLACES = Decimal("0.01"), 8
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
_ID_OF = {coin.ticker.upper(): coin_id for coin_id, coin in COINS.items()}


def is_known_coin(coin: str, market: str) -> bool:
    """Whether the coin is simulated and quoted in this currency."""
    return coin in _ID_OF and is_known_currency(market.lower())


def coin_name(coin: str) -> str:
    """The name of a known coin."""
    return COINS[_ID_OF[coin]].name


def coin_days(seed: int, coin: str, market: str, now: datetime) -> tuple[SeriesPoint, ...]:
    """The coin's daily bars (UTC), newest first; today's bar is incomplete, as in a real response."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = (midnight - timedelta(days=ago) for ago in range(COIN_HISTORY_DAYS))
    return tuple(
        _coin_bar(seed, (coin, market), day, min(day + timedelta(days=1), now), f"{day:%Y-%m-%d}")
        for day in days
        if day < now
    )


def coin_bars(
    seed: int, coin: str, market: str, minutes: int, now: datetime, count: int
) -> tuple[SeriesPoint, ...]:
    """The newest `count` bars that had ended by `now`, newest first; keys are their starts in UTC."""
    step = timedelta(minutes=minutes)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    last = (now - epoch) // step
    starts = (epoch + number * step for number in range(last - 1, last - 1 - count, -1))
    return tuple(
        _coin_bar(seed, (coin, market), start, start + step, start.strftime(_TIME_FORMAT)) for start in starts
    )


def fx_day_bars(seed: int, pair: str, day: FxBar, minutes: int, now: datetime) -> tuple[SeriesPoint, ...]:
    """The intraday bars of `day` that had ended by `now`, newest first; they stay within its range."""
    midnight = datetime.combine(day.trade_dt, datetime.min.time(), tzinfo=UTC)
    count = 24 * 60 // minutes
    rng = stable_random("fx day", seed, pair, day.trade_dt, minutes)
    span = day.close - day.open
    line = [day.open + span * number / count for number in range(count + 1)]
    reach = day.high - day.low
    path = [min(day.high, max(day.low, level + reach * Decimal(rng.uniform(-0.2, 0.2)))) for level in line]
    prices = [_rounded(price, "rate") for price in (day.open, *path[1:-1], day.close)]
    step = timedelta(minutes=minutes)
    points = [
        _fx_point(midnight + number * step, step, start, end)
        for number, (start, end) in enumerate(pairwise(prices))
    ]
    return tuple(point for point in reversed(points) if point.published_at <= now)


def _fx_point(start: datetime, step: timedelta, first: Decimal, last: Decimal) -> SeriesPoint:
    at = start.strftime(_TIME_FORMAT)
    return SeriesPoint(at, start + step, first, max(first, last), min(first, last), last, None)


def _coin_bar(seed: int, coin: tuple[str, str], start: datetime, end: datetime, key: str) -> SeriesPoint:
    ticker, market = coin
    first, span = start.timestamp(), (end - start).total_seconds()
    instants = (int(1000 * (first + span * part / _SAMPLES)) for part in range(_SAMPLES + 1))
    samples = (coin_price(seed, _ID_OF[ticker], market.lower(), at) for at in instants)
    prices = [_rounded(Decimal(repr(price)), "coin") for price in samples]
    volume = 1 + int(span / 60 * 100 * stable_share("coin volume", seed, ticker, key))
    return SeriesPoint(key, end, prices[0], max(prices), min(prices), prices[-1], volume)


def _rounded(price: Decimal, kind: str) -> Decimal:
    places = _SMALL_PLACES if price < _SMALL_RATE else _PLACES[kind]
    return Decimal(f"{price:.{places}f}")
