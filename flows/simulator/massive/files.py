"""Massive's flat files of a day, drawn: trades, quotes, minute and day bars that agree with each other."""

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property

from flows.simulator.market.market import Market
from flows.simulator.market.random_seeds import stable_int, stable_random
from flows.simulator.market.sessions import as_instant
from flows.simulator.market.ticks import (
    Aggregate,
    Quote,
    Trade,
    draw_quotes,
    draw_trades,
    grow_one,
    minutes_of,
)

Row = Sequence[object]

_NS = 1_000_000_000
_TAPE = 1
_QUOTE_CONDITIONS = "1,81"
_COMPRESSION = 1  # drawn anew in every process, so it must be quick
_MOST_TRANSACTIONS = 200_000

# In the order of the real files (2026): https://massive.com/docs/flat-files/stocks/trades and its sisters.
_TRADES = (
    "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,"
    "sip_timestamp,size,tape,trf_id,trf_timestamp"
)
_QUOTES = (
    "ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,conditions,indicators,"
    "participant_timestamp,sequence_number,sip_timestamp,tape,trf_timestamp"
)
_BARS = "ticker,volume,open,close,high,low,window_start,transactions"


@dataclass(frozen=True)
class Drawing:
    """What a day's files are drawn from.

    `symbols` are all tickers, in the files' order, with a bar of the day; `traded` those that have trades,
    quotes and minute bars. Of each of `corrected` one trade is larger than it was first reported, and the
    bars with it.
    """

    market: Market
    day: date
    symbols: tuple[str, ...]
    traded: tuple[str, ...]
    corrected: tuple[str, ...] = ()

    @cached_property
    def trades(self) -> Mapping[str, tuple[Trade, ...]]:
        """The trades by symbol."""
        return {symbol: self._trades(symbol) for symbol in self.traded}

    def _trades(self, symbol: str) -> tuple[Trade, ...]:
        drawn = draw_trades(self.market, symbol, self.day)
        if symbol not in self.corrected:
            return drawn
        return grow_one(drawn, stable_random("republished", self.market.seed, symbol, self.day.isoformat()))


def flat_file(dataset: str, drawing: Drawing) -> bytes:
    """The file, gzip-compressed; the same drawing gives the same bytes everywhere."""
    header, rows = DATASETS[dataset]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header.split(","))
    writer.writerows(rows(drawing))
    return gzip.compress(text.getvalue().encode(), _COMPRESSION, mtime=0)


def _trade_rows(drawing: Drawing) -> Iterator[Row]:
    for symbol, trades in drawing.trades.items():
        for each in trades:
            head = (symbol, each.conditions, 0, each.exchange, each.trade_id, each.participant_ns)
            middle = (_six(each.price), each.sequence, each.sip_ns, _six(each.size))
            yield (*head, *middle, _TAPE, each.trf_id, each.trf_ns)


def _quote_rows(drawing: Drawing) -> Iterator[Row]:
    for symbol in drawing.traded:
        for each in draw_quotes(drawing.market, symbol, drawing.day):
            yield (symbol, *_quote_values(each), each.sip_ns, each.sequence, each.sip_ns, _TAPE, 0)


def _quote_values(quote: Quote) -> Row:
    ask = (quote.ask_exchange, _shortest(quote.ask), quote.ask_size)
    bid = (quote.bid_exchange, _shortest(quote.bid), quote.bid_size)
    return (*ask, *bid, _QUOTE_CONDITIONS, "")


def _minute_rows(drawing: Drawing) -> Iterator[Row]:
    for symbol, trades in drawing.trades.items():
        yield from _bar_rows(symbol, minutes_of(trades))


def _day_rows(drawing: Drawing) -> Iterator[Row]:
    """The real daily bars, but for the volume of corrected symbols."""
    for symbol in drawing.symbols:
        real = next((bar for bar in drawing.market.history(symbol) if bar.trade_dt == drawing.day), None)
        if real is None:
            continue
        trades = drawing.trades.get(symbol, ())
        volume = sum((trade.size for trade in trades), Decimal(0)) or Decimal(real.volume)
        drawn = stable_int("transactions", symbol, drawing.day.isoformat()) % _MOST_TRANSACTIONS
        prices = (real.open, real.high, real.low, real.close)
        yield from _bar_rows(
            symbol, [Aggregate(_midnight_ns(drawing.day), *prices, volume, len(trades) or drawn)]
        )


def _bar_rows(symbol: str, bars: Iterable[Aggregate]) -> Iterator[Row]:
    for each in bars:
        prices = (_six(each.open), _six(each.close), _six(each.high), _six(each.low))
        yield (symbol, _six(each.volume), *prices, each.start_ns, each.transactions)


DATASETS: Mapping[str, tuple[str, Callable[[Drawing], Iterator[Row]]]] = {
    "trades_v1": (_TRADES, _trade_rows),
    "quotes_v1": (_QUOTES, _quote_rows),
    "minute_aggs_v1": (_BARS, _minute_rows),
    "day_aggs_v1": (_BARS, _day_rows),
}


def _midnight_ns(day: date) -> int:
    """The start of the day in New York, which is the window_start of a day's bar."""
    return int(as_instant(datetime.combine(day, time(0))).timestamp()) * _NS


def _six(number: Decimal) -> str:
    return f"{number:.6f}"


def _shortest(price: Decimal) -> str:
    """As quotes are written: no needless zeros, one decimal at least."""
    whole, _, fraction = f"{price:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"
