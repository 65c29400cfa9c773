"""Trades and quotes drawn from the minute bars of a session, which the trades add up to exactly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import NamedTuple

from flows.simulator.alphavantage.rendering import Point
from flows.simulator.market.market import Market
from flows.simulator.market.random_seeds import stable_random
from flows.simulator.market.sessions import as_instant, session_close

_NS = 1_000_000_000
_MINUTE_NS = 60 * _NS
# 14 intermarket sweep, 41 trade through exempt, 37 odd lot; the list of most prints is empty.
_CONDITIONS = ("", "", "", "14", "14,41")
_ODD_LOT_CONDITIONS = ("37", "14,37")
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
        """The start of its minute."""
        return self.sip_ns - self.sip_ns % _MINUTE_NS


class Quote(NamedTuple):
    """The best bid and offer after a change; a side that is not there has price and size 0."""

    sip_ns: int
    bid: Decimal
    bid_size: int
    bid_exchange: int
    ask: Decimal
    ask_size: int
    ask_exchange: int
    sequence: int


class Aggregate(NamedTuple):
    """What happened from `start_ns` on, for a minute or a day."""

    start_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    transactions: int


@dataclass(frozen=True)
class _Slot:
    """A print without its place: the price and size, and whether it is too small to make a price."""

    price: Decimal
    size: Decimal
    is_odd_lot: bool


def draw_trades(market: Market, symbol: str, day: date) -> tuple[Trade, ...]:
    """The session's trades in the order of their sequence; none for an unknown symbol.

    Of each minute the first trade is at its open, the last at its close, one at its high and one at its
    low; volume is the minute's, fractions of shares included. Odd lots (condition 37) come between, inside
    the range, so that bars made with and without them differ in nothing. Some prints look exactly like
    the one before and differ in sequence and id only, as real ones do.
    """
    rng = stable_random("trades", market.seed, symbol, day.isoformat())
    trades: list[Trade] = []
    sequence = rng.randrange(1_000, 5_000)
    for minute in _minutes(market, symbol, day):
        for slot, at_ns in _placed(rng, minute):
            sequence += rng.randrange(1, 40)
            drawn = _trade(rng, slot, at_ns, sequence)
            is_copy = bool(trades) and trades[-1].sip_ns == at_ns
            double = trades[-1]._replace(trade_id=drawn.trade_id, sequence=sequence) if is_copy else drawn
            trades.append(double)
    return tuple(trades)


def draw_quotes(market: Market, symbol: str, day: date) -> tuple[Quote, ...]:
    """Two quotes a minute around its open and its close; the first of the session has no bid yet."""
    rng = stable_random("quotes", market.seed, symbol, day.isoformat())
    quotes: list[Quote] = []
    sequence = rng.randrange(1_000, 5_000)
    for minute in _minutes(market, symbol, day):
        for middle, offset in ((minute.open, 0), (minute.close, _MINUTE_NS // 2)):
            sequence += rng.randrange(1, 40)
            at_ns = _start_ns(minute) + offset + rng.randrange(_NS)
            quotes.append(_quote(rng, middle, at_ns, sequence))
    return tuple(_one_sided(quote) if number == 0 else quote for number, quote in enumerate(quotes))


def grow_one(trades: Sequence[Trade], rng: Random) -> tuple[Trade, ...]:
    """The trades with one of them, drawn by `rng`, a hundredth larger than it was first reported."""
    if not trades:
        return ()
    chosen = rng.randrange(len(trades))
    grown = trades[chosen]._replace(size=(trades[chosen].size * Decimal("1.01")).quantize(_SHARE_STEP))
    return (*trades[:chosen], grown, *trades[chosen + 1 :])


def minutes_of(trades: Sequence[Trade]) -> tuple[Aggregate, ...]:
    """The minute bars that the trades add up to, oldest first; no bar for a minute without trades."""
    by_minute: dict[int, list[Trade]] = {}
    for trade in trades:
        by_minute.setdefault(trade.minute_ns, []).append(trade)
    return tuple(_aggregate(start, some) for start, some in by_minute.items())


def _aggregate(start_ns: int, trades: Sequence[Trade]) -> Aggregate:
    prices = [trade.price for trade in trades]
    volume = sum((trade.size for trade in trades), Decimal(0))
    return Aggregate(start_ns, prices[0], max(prices), min(prices), prices[-1], volume, len(trades))


def _minutes(market: Market, symbol: str, day: date) -> Iterator[Point]:
    return reversed(market.intraday_points(symbol, 1, {day}, session_close(day)))


def _start_ns(minute: Point) -> int:
    return int(as_instant(datetime.fromisoformat(minute.key)).timestamp()) * _NS


def _placed(rng: Random, minute: Point) -> Iterator[tuple[_Slot, int]]:
    """The minute's prints at rising times, a copy at the very time of its original."""
    slots = _slots(rng, minute)
    start, step = _start_ns(minute), _MINUTE_NS // (len(slots) + 1)
    at_ns = start
    for number, slot in enumerate(slots):
        is_copy = number > 0 and slot is slots[number - 1]
        at_ns = at_ns if is_copy else start + number * step + rng.randrange(1, step)
        yield slot, at_ns


def _slots(rng: Random, minute: Point) -> list[_Slot]:
    volume = Decimal(minute.volume or 0)
    if not volume:
        return []
    extremes = [price for price in (minute.high, minute.low) if price not in (minute.open, minute.close)]
    rng.shuffle(extremes)
    prices = [minute.open, *extremes, minute.close]
    odd = _odd_lots(rng, minute, volume)
    left = volume - sum((slot.size for slot in odd), Decimal(0))
    share = (left / len(prices)).quantize(_SHARE_STEP)
    sizes = [left - share * (len(prices) - 1), *[share] * (len(prices) - 1)]
    made = [_Slot(price, size, is_odd_lot=False) for price, size in zip(prices, sizes, strict=True)]
    return [made[0], *odd, *made[1:]]


def _odd_lots(rng: Random, minute: Point, volume: Decimal) -> list[_Slot]:
    """No odd lots, one, or one and its double, of fractional size; none where the volume is small."""
    size = Decimal(rng.randrange(1_000, 99_000_000)) * _SHARE_STEP
    count = rng.choice((0, 1, 1, 2))
    if volume < 1_000:  # noqa: PLR2004 - shares: enough for round lots beside two odd ones
        return []
    slot = _Slot(rng.choice((minute.open, minute.close)), size, is_odd_lot=True)
    return [slot] * count


def _trade(rng: Random, slot: _Slot, at_ns: int, sequence: int) -> Trade:
    is_off_exchange = rng.random() < 0.3  # noqa: PLR2004 - about the share of real volume that trades there
    delay_ns = rng.randrange(20_000, 900_000)
    return Trade(
        sip_ns=at_ns,
        participant_ns=at_ns - delay_ns if at_ns % _MINUTE_NS > delay_ns else at_ns,
        price=slot.price,
        size=slot.size,
        conditions=rng.choice(_ODD_LOT_CONDITIONS if slot.is_odd_lot else _CONDITIONS),
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


def _one_sided(quote: Quote) -> Quote:
    return quote._replace(bid=Decimal(0), bid_size=0, bid_exchange=0)
