"""Bars found against bars expected, sessions that a symbol lacks, and what came late or not at all."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from delta_tables.storage.lake import Lake
from delta_tables.tables.gold import DAILY_KPIS
from delta_tables.tables.ops import COMPLETENESS
from serving.query.select import Records, select

MAX_ABSENT = 60


@dataclass(frozen=True)
class SeriesCompleteness:
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


def completeness(lake: Lake) -> list[SeriesCompleteness]:
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
        SeriesCompleteness(
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


def arrival_counts(lake: Lake) -> Records:
    """Sessions by provider, dataset and interval: how many came on time, are late or missing, or healed.

    Columns provider, dataset, interval, symbols, on_time, late, missing, healed, backfilled, last_session; of
    all sessions that were ever due, as the last check found them.
    """
    counted = ", ".join(
        f"count(*) FILTER (WHERE state = '{state}') AS {state}"
        for state in ("on_time", "late", "missing", "healed", "backfilled")
    )
    return select(
        lake,
        COMPLETENESS,
        f'SELECT provider, dataset, "interval", count(DISTINCT symbol) AS symbols, {counted}, '  # noqa: S608 - ours
        'max(trade_dt) AS last_session FROM stored GROUP BY provider, dataset, "interval" '
        'ORDER BY provider, dataset, "interval"',
    )


def absent_sessions(lake: Lake) -> Records:
    """What is missing, then what is late, newest session first; the first MOST_ABSENT of them.

    Columns state, provider, dataset, symbol, interval, trade_dt, bars, expected_bars, expected_at,
    late_until, absent (how many there are in all).
    """
    return select(
        lake,
        COMPLETENESS,
        'SELECT state, provider, dataset, symbol, "interval", trade_dt, bars, expected_bars, '  # noqa: S608 - a number
        "expected_at, late_until, count(*) OVER () AS absent FROM stored "
        "WHERE state IN ('late', 'missing') ORDER BY state DESC, trade_dt DESC, provider, dataset, symbol, "
        f'"interval" LIMIT {MAX_ABSENT}',
    )
