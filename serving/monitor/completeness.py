"""Bars compared with expected bars, missing sessions per symbol, and late or missing deliveries."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from delta_tables.storage.lake import Lake
from delta_tables.tables.gold import DAILY_KPIS
from delta_tables.tables.ops import COMPLETENESS
from serving.query.selected_rows import Records, select

MAX_ABSENT = 60
# One row per symbol, asset class, interval and session, whatever the provider.
_DAILY = (
    'SELECT symbol, asset_class, "interval", trade_dt, max(bar_count) AS bar_count, '
    "max(expected_bars) AS expected_bars, bool_or(is_simulated) AS is_simulated FROM stored "
    'GROUP BY symbol, asset_class, "interval", trade_dt'
)


@dataclass(frozen=True)
class SeriesCompleteness:
    """A symbol's bars of one interval.

    `missing` are the sessions in which other symbols of the same asset class and interval have bars and this
    one has none.
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
    """One entry per symbol and interval in gold.daily_kpis.

    A session is expected if any symbol of the asset class and interval has it. `expected_bars` counts only
    the sessions that the symbol has: a missing session adds nothing.
    """
    series = select(
        lake,
        DAILY_KPIS,
        f'WITH daily AS ({_DAILY}) SELECT asset_class, "interval", symbol, '  # noqa: S608 - our names
        "sum(bar_count) AS bars, sum(expected_bars) AS expected_bars, count(*) AS sessions, "
        "bool_or(is_simulated) AS is_simulated FROM daily "
        'GROUP BY asset_class, "interval", symbol ORDER BY asset_class, "interval", symbol',
    )
    missing = _missing_sessions(lake)
    return [
        SeriesCompleteness(**row, missing=tuple(missing[row["asset_class"], row["interval"], row["symbol"]]))
        for row in series
    ]


def _missing_sessions(lake: Lake) -> defaultdict[tuple[str, str, str], list[date]]:
    """The sessions of an asset class and interval that a symbol lacks, the oldest first, by series."""
    rows = select(
        lake,
        DAILY_KPIS,
        f"WITH daily AS ({_DAILY}), "  # noqa: S608 - our names
        'series AS (SELECT DISTINCT asset_class, "interval", symbol FROM daily), '
        'seen AS (SELECT DISTINCT asset_class, "interval", trade_dt FROM daily) '
        'SELECT series.asset_class, series."interval", series.symbol, seen.trade_dt FROM series '
        'JOIN seen ON series.asset_class = seen.asset_class AND series."interval" = seen."interval" '
        "LEFT ANTI JOIN daily ON daily.asset_class = series.asset_class "
        'AND daily."interval" = series."interval" AND daily.symbol = series.symbol '
        "AND daily.trade_dt = seen.trade_dt ORDER BY seen.trade_dt",
    )
    missing: defaultdict[tuple[str, str, str], list[date]] = defaultdict(list)
    for row in rows:
        missing[row["asset_class"], row["interval"], row["symbol"]].append(row["trade_dt"])
    return missing


def arrival_counts(lake: Lake) -> Records:
    """Sessions by provider, dataset and interval, counted by the state that the last check found.

    Columns: provider, dataset, interval, symbols, on_time, late, missing, healed, backfilled, last_session.
    All sessions that were ever due are counted.
    """
    counts = ", ".join(
        f"count(*) FILTER (WHERE state = '{state}') AS {state}"
        for state in ("on_time", "late", "missing", "healed", "backfilled")
    )
    return select(
        lake,
        COMPLETENESS,
        f'SELECT provider, dataset, "interval", count(DISTINCT symbol) AS symbols, {counts}, '  # noqa: S608 - ours
        'max(trade_dt) AS last_session FROM stored GROUP BY provider, dataset, "interval" '
        'ORDER BY provider, dataset, "interval"',
    )


def absent_sessions(lake: Lake) -> Records:
    """The first MAX_ABSENT sessions that are missing, then those that are late, newest session first.

    Columns: state, provider, dataset, symbol, interval, trade_dt, bars, expected_bars, expected_at,
    late_until, absent (the total number).
    """
    return select(
        lake,
        COMPLETENESS,
        'SELECT state, provider, dataset, symbol, "interval", trade_dt, bars, expected_bars, '  # noqa: S608 - a number
        "expected_at, late_until, count(*) OVER () AS absent FROM stored "
        "WHERE state IN ('late', 'missing') ORDER BY state DESC, trade_dt DESC, provider, dataset, symbol, "
        f'"interval" LIMIT {MAX_ABSENT}',
    )
