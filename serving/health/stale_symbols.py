"""Symbols without a new session while others have some."""

from delta_tables.table import Table
from delta_tables.tables.gold import DAILY_KPIS
from delta_tables.tables.silver import BARS
from serving.health.check import CheckScope, HealthCheck, Row
from serving.health.findings import STALE
from serving.health.slices import unsliced

_TICKS = "'tick'"


def stale_check(table: Table) -> HealthCheck:
    """Series that end `stale_sessions` or more before the last session of their calendar and interval.

    A session exists if any symbol of any provider has rows in it. The check only aggregates, so it reads
    everything at once.
    """
    is_bars = table in (BARS, DAILY_KPIS)
    interval, calendar = ('"interval"', "calendar") if is_bars else (_TICKS, _TICKS)

    def sql(scope: CheckScope) -> str:
        return (
            f'WITH days AS (SELECT provider, symbol, {interval} AS "interval", {calendar} AS calendar, '  # noqa: S608 - our names, escaped values
            f"trade_dt FROM stored WHERE {scope.where} GROUP BY 1, 2, 3, 4, 5), "
            'seen AS (SELECT DISTINCT calendar, "interval", trade_dt FROM days), '
            'ends AS (SELECT provider, symbol, "interval", calendar, max(trade_dt) AS last_dt FROM days '
            f"WHERE {scope.selected} "
            'GROUP BY provider, symbol, "interval", calendar) '
            'SELECT provider, symbol, ends."interval", last_dt AS started_at, max(trade_dt) AS ended_at, '
            f"count(*) AS measured, {scope.thresholds.stale_sessions} AS threshold, count(*) AS severity "
            'FROM ends JOIN seen ON seen.calendar = ends.calendar AND seen."interval" = ends."interval" '
            'AND trade_dt > last_dt GROUP BY provider, symbol, ends."interval", last_dt '
            f"HAVING count(*) >= {scope.thresholds.stale_sessions}"
        )

    return HealthCheck(STALE, unsliced, sql, _message, needs_all_symbols=True)


def _message(row: Row) -> str:
    number = row["measured"]
    sessions = "1 session" if number == 1 else f"{number} sessions"
    return (
        f"the last session is {row['started_at']}; others have {sessions} after it, up to {row['ended_at']}"
    )
