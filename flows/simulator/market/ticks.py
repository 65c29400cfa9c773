"""Trades and quotes generated from the minute bars of a session; the trades add up to the bars exactly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import NamedTuple

from flows.simulator.market.market import Market
from flows.simulator.market.random_seeds import stable_random
from flows.simulator.market.series_point import SeriesPoint
from flows.simulator.market.sessions import NS_PER_SECOND, as_epoch_ns, session_close

_MINUTE_NS = 60 * NS_PER_SECOND
# 14 is intermarket sweep, 41 trade-through exempt, 37 odd lot; most prints have no condition.
_CONDITIONS = ("", "", "", "14", "14,41")
_ODD_LOT_CONDITIONS = ("37", "14,37")
_MIN_VOLUME_WITH_ODD_LOTS = 1_000  # shares: enough for round lots beside two odd ones
_OFF_EXCHANGE_SHARE = 0.3  # about the real share of volume
_CENT = Decimal("0.01")
_SHARE_STEP = Decimal("0.000001")
_EXCHANGES = (8, 10, 11, 12, 19, 21)
_REPORTING_FACILITY = 4  # FINRA's, with an id and a time of its own
_FACILITY_ID = 202


class Trade(NamedTuple):
    """One print; times are nanoseconds since the epoch, `sip_ns` never before `participant_ns`."""

    sip_ns: int
    participant_ns: int
    price: Decimal
    size: Decimal
    conditions: str
    exchange: int
    trade_id: int
    sequence: int
    trf_id: int
    trf_ns: int

    @property
    def minute_ns(self) -> int:
        """The start of the minute in which it was reported."""
        return self.sip_ns - self.sip_ns % _MINUTE_NS


class Quote(NamedTuple):
    """The best bid and offer after a change; a missing side has price and size 0."""

    sip_ns: int
    bid: Decimal
    bid_size: int
    bid_exchange: int
    ask: Decimal
    ask_size: int
    ask_exchange: int
    sequence: int


class Aggregate(NamedTuple):
    """The bar of the minute or day that starts at `start_ns`."""

    start_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    transactions: int


@dataclass(frozen=True)
class _Print:
    """The price and size of a trade, and whether it is too small to set a price."""

    price: Decimal
    size: Decimal
    is_odd_lot: bool


def generate_trades(market: Market, symbol: str, day: date) -> tuple[Trade, ...]:
    """The session's trades in the order of their sequence; none for an unknown symbol.

    In each minute the first trade is at its open, the last at its close, one at its high and one at its low;
    the volume is the minute's, fractions of shares included. Odd lots (condition 37) lie in between and
    within the range, so that prices of bars are the same with and without them. Some prints equal the one
    before except for sequence and id, as in real data.
    """
    rng = stable_random("trades", market.seed, symbol, day.isoformat())
    trades: list[Trade] = []
    sequence = rng.randrange(1_000, 5_000)
    for minute in _minutes(market, symbol, day):
        for tick, at_ns in _timed_prints(rng, minute):
            sequence += rng.randrange(1, 40)
            trade = _trade(rng, tick, at_ns, sequence)
            if trades and trades[-1].sip_ns == at_ns:  # a copy of the print before
                trade = trades[-1]._replace(trade_id=trade.trade_id, sequence=sequence)
            trades.append(trade)
    return tuple(trades)


def generate_quotes(market: Market, symbol: str, day: date) -> tuple[Quote, ...]:
    """Two quotes per minute, around its open and its close; the first of the session has no bid."""
    rng = stable_random("quotes", market.seed, symbol, day.isoformat())
    quotes: list[Quote] = []
    sequence = rng.randrange(1_000, 5_000)
    for minute in _minutes(market, symbol, day):
        for middle, offset in ((minute.open, 0), (minute.close, _MINUTE_NS // 2)):
            sequence += rng.randrange(1, 40)
            at_ns = _start_ns(minute) + offset + rng.randrange(NS_PER_SECOND)
            quotes.append(_quote(rng, middle, at_ns, sequence))
    return tuple(_without_bid(quote) if number == 0 else quote for number, quote in enumerate(quotes))


def enlarge_one_trade(trades: Sequence[Trade], rng: Random) -> tuple[Trade, ...]:
    """The trades with one of them, selected by `rng`, a hundredth larger than first reported."""
    if not trades:
        return ()
    index = rng.randrange(len(trades))
    size = (trades[index].size * Decimal("1.01")).quantize(_SHARE_STEP)
    return (*trades[:index], trades[index]._replace(size=size), *trades[index + 1 :])


def trades_to_minute_bars(trades: Sequence[Trade]) -> tuple[Aggregate, ...]:
    """The minute bars that the trades add up to, oldest first; no bar for a minute without trades."""
    by_minute: dict[int, list[Trade]] = {}
    for trade in trades:
        by_minute.setdefault(trade.minute_ns, []).append(trade)
    return tuple(_aggregate(start_ns, minute_trades) for start_ns, minute_trades in by_minute.items())


def _aggregate(start_ns: int, trades: Sequence[Trade]) -> Aggregate:
    prices = [trade.price for trade in trades]
    volume = sum((trade.size for trade in trades), Decimal(0))
    return Aggregate(start_ns, prices[0], max(prices), min(prices), prices[-1], volume, len(trades))


def _minutes(market: Market, symbol: str, day: date) -> Iterator[SeriesPoint]:
    return reversed(market.intraday_points(symbol, 1, {day}, session_close(day)))


def _start_ns(minute: SeriesPoint) -> int:
    return as_epoch_ns(datetime.fromisoformat(minute.key))


def _timed_prints(rng: Random, minute: SeriesPoint) -> Iterator[tuple[_Print, int]]:
    """The minute's prints at rising times; a copy has the same time as its original."""
    prints = _prints(rng, minute)
    start, step = _start_ns(minute), _MINUTE_NS // (len(prints) + 1)
    at_ns = start
    for number, tick in enumerate(prints):
        is_copy = number > 0 and tick is prints[number - 1]
        at_ns = at_ns if is_copy else start + number * step + rng.randrange(1, step)
        yield tick, at_ns


def _prints(rng: Random, minute: SeriesPoint) -> list[_Print]:
    volume = Decimal(minute.volume or 0)
    if not volume:
        return []
    extremes = [price for price in (minute.high, minute.low) if price not in (minute.open, minute.close)]
    rng.shuffle(extremes)
    prices = [minute.open, *extremes, minute.close]
    odd_lots = _odd_lots(rng, minute, volume)
    round_volume = volume - sum((tick.size for tick in odd_lots), Decimal(0))
    share = (round_volume / len(prices)).quantize(_SHARE_STEP)
    sizes = [round_volume - share * (len(prices) - 1), *[share] * (len(prices) - 1)]
    first, *others = [
        _Print(price, size, is_odd_lot=False) for price, size in zip(prices, sizes, strict=True)
    ]
    return [first, *odd_lots, *others]


def _odd_lots(rng: Random, minute: SeriesPoint, volume: Decimal) -> list[_Print]:
    """No odd lot, one, or one and its copy, of fractional size; none if the volume is small."""
    size = Decimal(rng.randrange(1_000, 99_000_000)) * _SHARE_STEP
    count = rng.choice((0, 1, 1, 2))
    if volume < _MIN_VOLUME_WITH_ODD_LOTS:
        return []
    return [_Print(rng.choice((minute.open, minute.close)), size, is_odd_lot=True)] * count


def _trade(rng: Random, tick: _Print, at_ns: int, sequence: int) -> Trade:
    is_off_exchange = rng.random() < _OFF_EXCHANGE_SHARE
    delay_ns = rng.randrange(20_000, 900_000)
    return Trade(
        sip_ns=at_ns,
        participant_ns=at_ns - delay_ns if at_ns % _MINUTE_NS > delay_ns else at_ns,
        price=tick.price,
        size=tick.size,
        conditions=rng.choice(_ODD_LOT_CONDITIONS if tick.is_odd_lot else _CONDITIONS),
        exchange=_REPORTING_FACILITY if is_off_exchange else rng.choice(_EXCHANGES),
        trade_id=rng.randrange(10**13, 10**14),
        sequence=sequence,
        trf_id=_FACILITY_ID if is_off_exchange else 0,
        trf_ns=at_ns - delay_ns // 2 if is_off_exchange else 0,
    )


def _quote(rng: Random, middle: Decimal, at_ns: int, sequence: int) -> Quote:
    return Quote(
        sip_ns=at_ns,
        bid=middle - _CENT * rng.randrange(1, 3),
        bid_size=100 * rng.randrange(1, 9),
        bid_exchange=rng.choice(_EXCHANGES),
        ask=middle + _CENT * rng.randrange(1, 3),
        ask_size=100 * rng.randrange(1, 9),
        ask_exchange=rng.choice(_EXCHANGES),
        sequence=sequence,
    )


def _without_bid(quote: Quote) -> Quote:
    return quote._replace(bid=Decimal(0), bid_size=0, bid_exchange=0)
