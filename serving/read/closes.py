"""Which bars the factors for cash need beside those asked for: the last close before each payment.

delta_tables.adjusted_views takes it from the last session before the payment of which there is any bar, be
it of another interval or provider. To read every bar of a symbol for that would take seconds. Where there
are daily bars, none before the last of them counts, so the sessions from that one to the payment are enough;
where there are none, every session before it is read.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from delta_tables.lake import Lake
from serving.literals import literal, literals
from serving.read.conditions import known_at_sql
from serving.read.series import BARS, is_year
from serving.read.snapshots import Snapshot, query


@dataclass(frozen=True)
class ClosesNeeded:
    """For each symbol that was paid for, the sessions whose bars are needed; `years`: all daily bars."""

    sessions: dict[str, tuple[date, ...]]
    years: tuple[date, ...]

    def condition(self, symbols: Sequence[str]) -> str:
        """The SQL condition for these bars of the symbols; `false` where nothing was ever paid."""
        paid = [symbol for symbol in symbols if symbol in self.sessions]
        parts = [_rows(literals(paid), self.years)] if paid else []
        parts += [_rows(literal(each), self.sessions[each]) for each in paid if self.sessions[each]]
        return " OR ".join(parts) or "false"


def closes_needed(
    lake: Lake, bars: Snapshot, actions: Snapshot, symbols: Sequence[str], as_of: datetime | None
) -> ClosesNeeded:
    """The bars that the factors of these symbols need, as known at the instant.

    Raises:
        LakeError: a data file is damaged or missing.
    """
    named = literals(symbols)
    sql = f"SELECT DISTINCT symbol, ex_dt FROM actions WHERE amount IS NOT NULL AND symbol IN ({named})"  # noqa: S608 - escaped
    payments = _dates(lake, "actions", actions, sql)
    years = tuple(day for day in bars.partitions if is_year(day))
    daily = (
        "SELECT DISTINCT symbol, trade_dt FROM bars WHERE \"interval\" = '1day' "  # noqa: S608 - escaped
        f"AND session IN ('regular', '24x7') AND {_rows(named, years)} AND {known_at_sql(as_of)}"
    )
    closes = _dates(lake, "bars", bars, daily) if payments else {}
    return ClosesNeeded(
        {
            symbol: tuple(sorted(_between(tuple(bars.partitions), closes.get(symbol, []), paid)))
            for symbol, paid in payments.items()
        },
        years,
    )


def _between(sessions: Sequence[date], closes: Sequence[date], payments: Sequence[date]) -> set[date]:
    """The sessions before each payment, back to the last daily close before it, that one included."""
    needed: set[date] = set()
    for paid in payments:
        place = bisect_left(closes, paid)
        first = bisect_left(sessions, closes[place - 1]) if place else 0
        needed.update(sessions[first : bisect_left(sessions, paid)])
    return needed


def _dates(lake: Lake, name: str, snapshot: Snapshot, sql: str) -> dict[str, list[date]]:
    symbols, days = (column.to_pylist() for column in query(lake, {name: snapshot}, sql).columns)
    found: dict[str, list[date]] = defaultdict(list)
    for symbol, day in sorted(zip(symbols, days, strict=True)):
        found[symbol].append(day)
    return found


def _rows(symbols: str, days: Sequence[date]) -> str:
    return f'(symbol IN ({symbols}) AND "{BARS.partition}" IN ({literals(days)}))'
