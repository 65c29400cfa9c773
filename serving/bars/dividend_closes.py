"""Which bars the factors for cash need beside those asked for: the last close before each payment.

delta_tables.views.adjusted_bars takes it from the last session before the payment of which there is any bar,
be it of another interval or provider. To run the view over every bar for that would take memory and time that
grow with the table. And a provider that adjusts its bars pays in the shares of the day it was asked, so that
one of these bars is needed, too.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

import pyarrow as pa

from delta_tables.intervals import is_year_partition, year_partition
from delta_tables.views.conditions import has_close
from serving.query.conditions import known_at
from serving.query.literals import literal, literals

RunSql = Callable[[str], pa.Table]
T = TypeVar("T")
# A query that names the sessions of 100 symbols with 80 payments each takes 0.7 s to plan, of 500 6 s.
_MAX_SYMBOLS_PER_QUERY = 100
# A condition of 40,000 literals has crashed the process (deltalake 1.6.6, SIGSEGV); 20,000 names have not.
_MAX_NAMES_PER_QUERY = 2_000


@dataclass(frozen=True)
class Payment:
    """A day on which something was paid, and the sessions whose bars are needed for its factor.

    `bars` is how many of these bars have a close, as far as they were looked at.
    """

    ex_dt: date
    sessions: tuple[date, ...]
    bars: int = 0


@dataclass(frozen=True)
class DividendCloses:
    """For each symbol that was paid for its payments; of them, `whole` partitions are needed, too.

    `adjusters`: for each symbol sessions that have a bar of each provider that adjusts its bars.
    """

    payments: dict[str, tuple[Payment, ...]]
    adjusters: dict[str, tuple[date, ...]]
    whole: tuple[date, ...] = ()

    def condition(self, symbols: Sequence[str], after: date = date.min) -> str:
        """The SQL condition for these bars of the symbols; `false` where nothing was paid.

        Payments with an ex_dt up to `after` change no bar of that session or later and are left out.
        """
        later = {symbol: found for symbol in symbols if (found := self._later(symbol, after))}
        parts = []
        if later and self.whole:
            parts.append(f"(symbol IN ({literals(later)}) AND partition_dt IN ({literals(self.whole)}))")
        for symbol, found in later.items():
            if days := {day for each in found for day in each.sessions}:
                parts.append(_rows(symbol, sorted({*days, *self.adjusters.get(symbol, ())})))
        return " OR ".join(parts) or "false"

    def groups(self, symbols: Sequence[str], after: date, max_bars: int) -> Iterator[list[str]]:
        """The symbols in order, in groups that need `max_bars` closes at most; one symbol at least."""
        group: list[str] = []
        bars = paid = 0
        for symbol in symbols:
            later = self._later(symbol, after)
            more = sum(each.bars for each in later)
            is_full = bars + more > max_bars or paid == _MAX_SYMBOLS_PER_QUERY
            if group and ((later and is_full) or len(group) == _MAX_NAMES_PER_QUERY):
                yield group
                group, bars, paid = [], 0, 0
            group.append(symbol)
            bars, paid = bars + more, paid + bool(later)
        if group:
            yield group

    def _later(self, symbol: str, after: date) -> list[Payment]:
        return [each for each in self.payments.get(symbol, ()) if each.ex_dt > after]


def find_dividend_closes(run_sql: RunSql, of_symbols: str, as_of: datetime | None) -> DividendCloses:
    """No more bars than the factors of these symbols need, as known at the instant; looks at every bar.

    `run_sql` answers SQL over `stored`, the bars, and `actions`; `of_symbols` is a condition for both.

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
    return DividendCloses(_tuples(payments), _tuples(adjusters))


def find_closes_from_daily_bars(
    run_sql: RunSql, of_symbols: str, partitions: Sequence[date], as_of: datetime | None
) -> DividendCloses:
    """Bars that suffice for the factors of a few symbols, found from their daily bars alone: soon.

    To look at every bar of a symbol would take seconds. Where there are daily bars, none before the last of
    them counts, so these and the sessions from that one to the payment are enough; where there are none,
    every session before it is needed. The arguments are those of `find_dividend_closes`, and the partitions of
    bars in order.

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
    return DividendCloses(_tuples(payments), {}, years)


def _tuples(found: Mapping[str, Sequence[T]]) -> dict[str, tuple[T, ...]]:
    return {name: tuple(values) for name, values in found.items()}


def _payments_sql(of_symbols: str, of_bars: str) -> str:
    """One row a payment: symbol, ex_dt, close_dt and how many bars have a close there, null for none."""
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


def _rows(symbol: str, sessions: Sequence[date]) -> str:
    """The rows of the sessions: a partition is a session, or the first day of its year."""
    partitions = sorted({*sessions, *map(year_partition, sessions)})
    return (
        f"(symbol = {literal(symbol)} AND trade_dt IN ({literals(sessions)}) "
        f"AND partition_dt IN ({literals(partitions)}))"
    )
