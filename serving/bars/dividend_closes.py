"""The bars that factors for cash payments need beside the requested ones: the last close before each payment.

delta_tables.views.adjusted_bars takes this close from the last session before the payment that has any bar,
of whatever interval or provider. Running the view over all bars would take memory and time that grow with the
table. A provider that delivers split-adjusted bars also states payments per share of the day it was fetched;
the view recognises such a provider by its bars, so one of them is needed too.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

import pyarrow as pa

from delta_tables.intervals import is_year_partition, year_partition
from delta_tables.views.conditions import has_close, known_at
from serving.query.literals import literal, literals

RunSql = Callable[[str], pa.Table]
T = TypeVar("T")
# Planning a query for the sessions of 100 symbols with 80 payments each takes 0.7 s, of 500 symbols 6 s.
_MAX_SYMBOLS_PER_QUERY = 100
# A condition of 40,000 literals has crashed the process (deltalake 1.6.6, SIGSEGV); one of 20,000 has not.
_MAX_NAMES_PER_QUERY = 2_000


@dataclass(frozen=True)
class Payment:
    """A day with a payment, and the sessions whose bars its factor needs.

    `bars` counts the bars with a close in these sessions, as far as they have been counted.
    """

    ex_dt: date
    sessions: tuple[date, ...]
    bars: int = 0


@dataclass(frozen=True)
class DividendCloses:
    """The payments of each symbol; their factors also need all of the symbols' bars in `whole_partitions`.

    `adjusters`: for each symbol, sessions with a bar of each provider that delivers split-adjusted bars.
    """

    payments: dict[str, tuple[Payment, ...]]
    adjusters: dict[str, tuple[date, ...]]
    whole_partitions: tuple[date, ...] = ()

    def condition(self, symbols: Sequence[str], after: date = date.min) -> str:
        """The SQL condition for the needed bars of the symbols; `false` if they had no payments.

        Payments with an ex_dt up to `after` do not affect bars of that session or later; they are left out.
        """
        later = {symbol: payments for symbol in symbols if (payments := self._later(symbol, after))}
        conditions = []
        if later and self.whole_partitions:
            partitions = literals(self.whole_partitions)
            conditions.append(f"(symbol IN ({literals(later)}) AND partition_dt IN ({partitions}))")
        for symbol, payments in later.items():
            if days := {day for payment in payments for day in payment.sessions}:
                conditions.append(
                    _session_condition(symbol, sorted({*days, *self.adjusters.get(symbol, ())}))
                )
        return " OR ".join(conditions) or "false"

    def groups(self, symbols: Sequence[str], after: date, max_bars: int) -> Iterator[list[str]]:
        """The symbols in order, in groups that need at most `max_bars` closes, or of one symbol."""
        group: list[str] = []
        bars = with_payments = 0
        for symbol in symbols:
            later = self._later(symbol, after)
            more = sum(payment.bars for payment in later)
            is_full = bars + more > max_bars or with_payments == _MAX_SYMBOLS_PER_QUERY
            if group and ((later and is_full) or len(group) == _MAX_NAMES_PER_QUERY):
                yield group
                group, bars, with_payments = [], 0, 0
            group.append(symbol)
            bars, with_payments = bars + more, with_payments + bool(later)
        if group:
            yield group

    def _later(self, symbol: str, after: date) -> list[Payment]:
        return [payment for payment in self.payments.get(symbol, ()) if payment.ex_dt > after]


def find_dividend_closes(run_sql: RunSql, of_symbols: str, as_of: datetime | None) -> DividendCloses:
    """Exactly the bars that the factors of these symbols need, as known at the instant; scans all their bars.

    `run_sql` runs SQL over `stored` (the bars) and `actions`; `of_symbols` is a condition on both.

    Raises:
        LakeError: a data file is damaged or missing.
    """
    of_bars = f"({of_symbols}) AND ({known_at(as_of)})"
    payments: dict[str, list[Payment]] = defaultdict(list)
    for row in run_sql(_payments_sql(of_symbols, of_bars)).to_pylist():
        close_dt = row["close_dt"]
        payments[row["symbol"]].append(
            Payment(row["ex_dt"], (close_dt,) if close_dt else (), row["bars"] or 0)
        )
    adjusters: dict[str, list[date]] = defaultdict(list)
    for row in run_sql(_adjusters_sql(of_bars)).to_pylist() if payments else []:
        adjusters[row["symbol"]].append(row["trade_dt"])
    return DividendCloses(_as_tuples(payments), _as_tuples(adjusters))


def find_closes_from_daily_bars(
    run_sql: RunSql, of_symbols: str, partitions: Sequence[date], as_of: datetime | None
) -> DividendCloses:
    """Bars that are sufficient for the factors of a few symbols, found from their daily bars alone.

    Scanning all bars of a symbol would take seconds. The close before a payment is never older than the last
    daily bar before it, so the sessions from that daily bar to the payment are sufficient; if there is no
    daily bar, every session before the payment is needed. The arguments are those of `find_dividend_closes`,
    and the partitions of the bars in order.

    Raises:
        LakeError: a data file is damaged or missing.
    """
    years = tuple(day for day in partitions if is_year_partition(day))
    of_bars = f"partition_dt IN ({literals(years)}) AND ({of_symbols}) AND ({known_at(as_of)})"
    payments: dict[str, list[Payment]] = defaultdict(list)
    for row in run_sql(_payments_sql(of_symbols, of_bars)).to_pylist():
        first = bisect_left(partitions, row["close_dt"]) if row["close_dt"] else 0
        between = tuple(partitions[first : bisect_left(partitions, row["ex_dt"])])
        payments[row["symbol"]].append(Payment(row["ex_dt"], between))
    return DividendCloses(_as_tuples(payments), {}, years)


def _as_tuples(lists: Mapping[str, Sequence[T]]) -> dict[str, tuple[T, ...]]:
    return {name: tuple(values) for name, values in lists.items()}


def _payments_sql(of_symbols: str, of_bars: str) -> str:
    """One row per payment: symbol, ex_dt, close_dt, and the number of bars with a close on it (or null)."""
    paid = f"SELECT DISTINCT symbol, ex_dt FROM actions WHERE amount IS NOT NULL AND ({of_symbols})"  # noqa: S608 - escaped
    closes = (
        f"SELECT symbol, trade_dt, count(*) AS bars FROM stored WHERE {of_bars} AND {has_close('stored')} "  # noqa: S608 - escaped
        "GROUP BY symbol, trade_dt"
    )
    return (
        "SELECT p.symbol, p.ex_dt, max(c.trade_dt) AS close_dt, "  # noqa: S608 - escaped
        f"first_value(c.bars ORDER BY c.trade_dt DESC NULLS LAST) AS bars FROM ({paid}) AS p "
        f"LEFT JOIN ({closes}) AS c ON c.symbol = p.symbol AND c.trade_dt < p.ex_dt "
        "GROUP BY p.symbol, p.ex_dt"
    )


def _adjusters_sql(of_bars: str) -> str:
    return (
        f"SELECT symbol, provider, max(trade_dt) AS trade_dt FROM stored WHERE {of_bars} "  # noqa: S608 - escaped
        "AND adjustment = 'split' GROUP BY symbol, provider"
    )


def _session_condition(symbol: str, sessions: Sequence[date]) -> str:
    """The SQL condition for the sessions, and for their partitions so that no others are read."""
    partitions = sorted({*sessions, *map(year_partition, sessions)})
    return (
        f"(symbol = {literal(symbol)} AND trade_dt IN ({literals(sessions)}) "
        f"AND partition_dt IN ({literals(partitions)}))"
    )
