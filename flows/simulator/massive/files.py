"""Massive's flat files of a day, generated: trades, quotes, minute bars and day bars that agree."""

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
from flows.simulator.market.sessions import as_epoch_ns
from flows.simulator.market.ticks import (
    Aggregate,
    Quote,
    Trade,
    enlarge_one_trade,
    generate_quotes,
    generate_trades,
    trades_to_minute_bars,
)

Row = Sequence[object]

_TAPE = 1
_QUOTE_CONDITIONS = "1,81"
_COMPRESSION_LEVEL = 1  # every process generates the files again, so speed matters
_MAX_TRANSACTIONS = 200_000

# In the column order of the real files (2026): https://massive.com/docs/flat-files/stocks/trades and others.
_TRADE_COLUMNS = (
    "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,"
    "sip_timestamp,size,tape,trf_id,trf_timestamp"
)
_QUOTE_COLUMNS = (
    "ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,conditions,indicators,"
    "participant_timestamp,sequence_number,sip_timestamp,tape,trf_timestamp"
)
_BAR_COLUMNS = "ticker,volume,open,close,high,low,window_start,transactions"


@dataclass(frozen=True)
class GeneratedDay:
    """What a day's files are generated from.

    `symbols` are all tickers, in the files' order; `traded` are those with trades, quotes and minute bars.
    For each symbol in `corrected` one trade is larger than first reported, and so is the volume of its bars.
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
        trades = generate_trades(self.market, symbol, self.day)
        if symbol not in self.corrected:
            return trades
        rng = stable_random("republished", self.market.seed, symbol, self.day.isoformat())
        return enlarge_one_trade(trades, rng)


def flat_file(dataset: str, generated_day: GeneratedDay) -> bytes:
    """The gzip-compressed file; the same day gives the same bytes in every process."""
    columns, rows = DATASETS[dataset]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns.split(","))
    writer.writerows(rows(generated_day))
    return gzip.compress(text.getvalue().encode(), _COMPRESSION_LEVEL, mtime=0)


def _trade_rows(generated_day: GeneratedDay) -> Iterator[Row]:
    for symbol, trades in generated_day.trades.items():
        for trade in trades:
            head = (symbol, trade.conditions, 0, trade.exchange, trade.trade_id, trade.participant_ns)
            middle = (_six_decimals(trade.price), trade.sequence, trade.sip_ns, _six_decimals(trade.size))
            yield (*head, *middle, _TAPE, trade.trf_id, trade.trf_ns)


def _quote_rows(generated_day: GeneratedDay) -> Iterator[Row]:
    for symbol in generated_day.traded:
        for quote in generate_quotes(generated_day.market, symbol, generated_day.day):
            yield (symbol, *_quote_values(quote), quote.sip_ns, quote.sequence, quote.sip_ns, _TAPE, 0)


def _quote_values(quote: Quote) -> Row:
    ask = (quote.ask_exchange, _shortest(quote.ask), quote.ask_size)
    bid = (quote.bid_exchange, _shortest(quote.bid), quote.bid_size)
    return (*ask, *bid, _QUOTE_CONDITIONS, "")


def _minute_rows(generated_day: GeneratedDay) -> Iterator[Row]:
    for symbol, trades in generated_day.trades.items():
        yield from _bar_rows(symbol, trades_to_minute_bars(trades))


def _day_rows(generated_day: GeneratedDay) -> Iterator[Row]:
    """The real daily bars, except for the volume of corrected symbols."""
    day, market = generated_day.day, generated_day.market
    start_ns = as_epoch_ns(datetime.combine(day, time(0)))  # midnight in New York, as in the real files
    for symbol in generated_day.symbols:
        real = next((bar for bar in market.history(symbol) if bar.trade_dt == day), None)
        if real is None:
            continue
        trades = generated_day.trades.get(symbol, ())
        volume = sum((trade.size for trade in trades), Decimal(0)) or Decimal(real.volume)
        transactions = len(trades) or stable_int("transactions", symbol, day.isoformat()) % _MAX_TRANSACTIONS
        prices = (real.open, real.high, real.low, real.close)
        yield from _bar_rows(symbol, [Aggregate(start_ns, *prices, volume, transactions)])


def _bar_rows(symbol: str, bars: Iterable[Aggregate]) -> Iterator[Row]:
    for bar in bars:
        values = (bar.volume, bar.open, bar.close, bar.high, bar.low)
        yield (symbol, *map(_six_decimals, values), bar.start_ns, bar.transactions)


DATASETS: Mapping[str, tuple[str, Callable[[GeneratedDay], Iterator[Row]]]] = {
    "trades_v1": (_TRADE_COLUMNS, _trade_rows),
    "quotes_v1": (_QUOTE_COLUMNS, _quote_rows),
    "minute_aggs_v1": (_BAR_COLUMNS, _minute_rows),
    "day_aggs_v1": (_BAR_COLUMNS, _day_rows),
}


def _six_decimals(number: Decimal) -> str:
    return f"{number:.6f}"


def _shortest(price: Decimal) -> str:
    """The price as in the quotes files: no trailing zeros, but at least one decimal."""
    whole, _, fraction = f"{price:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"
