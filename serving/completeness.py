"""Bars found against bars expected, and sessions that a symbol lacks."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from delta_tables.gold import DAILY_KPIS
from delta_tables.lake import Lake
from serving.queries import select


@dataclass(frozen=True)
class Series:
    """A symbol's bars of one interval.

    `missing` are the sessions of the whole series' span on which other symbols of the same asset class
    and interval have bars and this one has none.
    """

    symbol: str
    asset_class: str
    interval: str
    bars: int
    expected_bars: int
    sessions: int
    missing: tuple[date, ...]
    is_simulated: bool

    @property
    def is_complete(self) -> bool:
        """Whether no session and no bar is missing."""
        return not self.missing and self.bars >= self.expected_bars


def completeness(lake: Lake) -> list[Series]:
    """Every symbol and interval in gold.daily_kpis; the asset class's sessions are those seen in it.

    A session counts as expected from the first to the last session seen of the asset class and
    interval; `expected_bars` adds, for a missing session, nothing: it counts the sessions that are there.
    """
    rows = select(
        lake,
        DAILY_KPIS,
        'SELECT symbol, asset_class, "interval", max(bar_count) AS bar_count, '
        "max(expected_bars) AS expected_bars, trade_dt, bool_or(is_simulated) AS is_simulated FROM stored "
        'GROUP BY symbol, asset_class, "interval", trade_dt',
    )
    seen: dict[tuple[str, str], set[date]] = defaultdict(set)
    by_series = defaultdict(list)
    for row in rows:
        seen[row["asset_class"], row["interval"]].add(row["trade_dt"])
        by_series[row["asset_class"], row["interval"], row["symbol"]].append(row)
    return [
        Series(
            symbol=symbol,
            asset_class=asset_class,
            interval=interval,
            bars=sum(row["bar_count"] for row in days),
            expected_bars=sum(row["expected_bars"] for row in days),
            sessions=len(days),
            missing=tuple(sorted(seen[asset_class, interval] - {row["trade_dt"] for row in days})),
            is_simulated=any(row["is_simulated"] for row in days),
        )
        for (asset_class, interval, symbol), days in sorted(by_series.items())
    ]
