"""The Gold batches of a run: the sessions to compute again, and their rows in each Gold table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from config.settings import SignalSettings
from delta_tables.intervals import LONG_INTERVALS
from delta_tables.table import Table
from delta_tables.tables.gold import DAILY_KPIS
from jobs.gold.affected_sessions import mark_affected, mark_changed_fundamentals, mark_changed_splits
from jobs.gold.daily_kpis import DAY_KEYS, session_kpis, with_price_change
from jobs.gold.split_adjustment import LOG_SPLIT_FACTOR, split_steps, with_log_split_factor, with_no_splits
from jobs.market_calendar.sessions import calendar_sessions

_ONLY_COMPUTED = ("session_no", "is_half_day", "day_end_at", LOG_SPLIT_FACTOR, "is_changed", "is_affected")


@dataclass(frozen=True)
class SilverChanges:
    """What changed in Silver, as frames; None if nothing of the kind changed.

    `days_df`: symbol, trade_dt, interval, provider and calendar of the sessions whose bars changed;
    `fundamentals_df`: symbol and known_from; `splits_df`: symbol and ex_dt.
    """

    days_df: DataFrame
    fundamentals_df: DataFrame | None
    splits_df: DataFrame | None


@dataclass(frozen=True)
class AffectedRange:
    """The dates that a change between `start` and `end` can affect: from `first` to `last`."""

    start: date
    end: date
    first: date
    last: date


def affected_range(
    start: date, end: date, settings: SignalSettings, calendars: Iterable[str]
) -> AffectedRange:
    """The dates to read for changes from `start` to `end`, by the sessions of `calendars`.

    Twice the longest window on each side: the window of a figure contains price changes, and each of those
    can itself look a window back over sessions without a bar.
    """
    steps = 2 * settings.longest_window_sessions
    firsts, lasts = [], []
    for calendar in calendars:
        days = [session.trade_dt for session in calendar_sessions(calendar)]
        before = [day for day in days if day < start][-steps:]
        after = [day for day in days if day > end][:steps]
        firsts.append(min(before, default=start))
        lasts.append(max(after, default=end))
    return AffectedRange(start, end, min(firsts, default=start), max(lasts, default=end))


def all_days(
    bars_df: DataFrame, actions_df: DataFrame | None, sessions_df: DataFrame, settings: SignalSettings
) -> DataFrame:
    """Every session of the bars, as symbol_days returns them; is_affected is true for all.

    Args:
        bars_df: current rows of silver.bars.
        actions_df: current rows of silver.corporate_actions; None without any.
        sessions_df: sessions of the bars' calendars (market_calendar.sessions.sessions_frame).
        settings: lengths of the windows.
    """
    days_df = session_kpis(bars_df, sessions_df)
    factored_df = _with_split_factor(days_df, bars_df.select("provider", "symbol"), actions_df)
    priced_df = with_price_change(factored_df, settings.longest_window_sessions)
    return priced_df.withColumn("is_affected", F.lit(True))


def symbol_days(
    changed: SilverChanges,
    bars_df: DataFrame,
    stored_kpis_df: DataFrame,
    actions_df: DataFrame | None,
    sessions_df: DataFrame,
    settings: SignalSettings,
) -> DataFrame:
    """The sessions that a change can affect, one row per symbol, session, interval and provider.

    Sessions whose bars changed are computed again from `bars_df`; the sessions around them are read from
    `stored_kpis_df`, for the changed symbols only.

    Args:
        changed: what changed in Silver.
        bars_df: current rows of silver.bars.
        stored_kpis_df: gold.daily_kpis.
        actions_df: current rows of silver.corporate_actions; None without any.
        sessions_df: sessions of the calendars (market_calendar.sessions.sessions_frame).
        settings: lengths of the windows.

    Returns:
        The columns of daily_kpis.session_kpis, log_split_factor, price_change (quote currency),
        price_change_pct, is_changed (its inputs changed) and is_affected (its figures can change).
    """
    keys, changed_df = list(DAY_KEYS), changed.days_df
    fresh_df = session_kpis(bars_df.join(changed_df, keys, "left_semi"), sessions_df)
    stored_df = (
        stored_kpis_df.join(_changed_symbols(changed), "symbol", "left_semi")
        .join(changed_df, keys, "left_anti")
        .join(F.broadcast(sessions_df), ["calendar", "trade_dt"])
        .select(*fresh_df.columns)
    )
    days_df = fresh_df.withColumn("is_changed", F.lit(True)).unionByName(
        stored_df.withColumn("is_changed", F.lit(False))
    )
    series_df = changed_df.select("provider", "symbol").union(stored_kpis_df.select("provider", "symbol"))
    lookback = settings.longest_window_sessions
    if changed.fundamentals_df is not None:
        days_df = mark_changed_fundamentals(days_df, changed.fundamentals_df)
    if changed.splits_df is not None:
        days_df = mark_changed_splits(days_df, changed.splits_df, lookback)
    return mark_affected(
        with_price_change(_with_split_factor(days_df, series_df, actions_df), lookback), 2 * lookback
    )


def _with_split_factor(days_df: DataFrame, series_df: DataFrame, actions_df: DataFrame | None) -> DataFrame:
    """Adds log_split_factor; `series_df`: provider and symbol of the days."""
    if actions_df is None:
        return with_no_splits(days_df)
    return with_log_split_factor(days_df, split_steps(series_df.distinct(), actions_df))


def _changed_symbols(changed: SilverChanges) -> DataFrame:
    symbols_df = changed.days_df.select("symbol")
    for others_df in (changed.fundamentals_df, changed.splits_df):
        if others_df is not None:
            symbols_df = symbols_df.union(others_df.select("symbol"))
    return symbols_df.distinct()


def gold_rows(frame_df: DataFrame, table: Table, run_id: str) -> DataFrame:
    """The frame as rows of a Gold table, with run_id and partition_dt (first day of the year).

    `frame_df`: trade_dt and the other columns of the table.

    Raises:
        SchemaMismatch: a column of the table is missing, or there are others.
    """
    partitioned_df = frame_df.withColumn("partition_dt", F.trunc("trade_dt", "year"))
    return table.conform(partitioned_df.withColumn("run_id", F.lit(run_id)))


def kpi_rows(days_df: DataFrame, run_id: str) -> DataFrame:
    """The affected sessions as rows of gold.daily_kpis; `days_df`: symbol_days or all_days."""
    affected_df = days_df.filter("is_affected")
    return gold_rows(affected_df.drop(*_ONLY_COMPUTED), DAILY_KPIS, run_id)


def bars_condition(start: date, end: date) -> str:
    """The SQL condition, with literal dates, for the bars of the sessions from `start` to `end`."""
    year = start.replace(month=1, day=1)
    return (
        f"trade_dt >= date'{start}' AND trade_dt <= date'{end}' AND partition_dt >= date'{year}' "
        f"AND partition_dt <= date'{end}' AND (interval IN {LONG_INTERVALS} OR partition_dt >= date'{start}')"
    )


def fundamentals_start(known_from: Sequence[date]) -> date | None:
    """The first session date that changed fundamentals can affect: a day earlier, for the time zone."""
    return min(known_from) - timedelta(days=1) if known_from else None
