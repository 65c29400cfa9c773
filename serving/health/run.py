"""A data health report: what looks wrong in a table although no single row breaks a rule."""

import difflib
from collections.abc import Mapping

from delta_tables.storage.lake import Lake, LakeError
from delta_tables.table import Table
from delta_tables.tables.gold import DAILY_KPIS
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from delta_tables.views.tick_views import CURRENT, HAPPENED
from serving.errors import ServingError
from serving.health import bar_checks as health_bars
from serving.health import session_checks as health_sessions
from serving.health import tick_checks as health_ticks
from serving.health.check import HealthCheck, explained_days, run_check
from serving.health.findings import HealthReport, HealthRequest, Thresholds
from serving.health.stale_symbols import stale_check
from serving.query.conditions import of_sessions
from serving.query.literals import checked_symbol, literals
from serving.query.select import select

# the rows that count: what is known now, of regular sessions or of markets that never close
_COUNTED: Mapping[str, str] = {
    BARS.full_name: f"{CURRENT} AND session IN ('regular', '24x7')",
    DAILY_KPIS.full_name: "true",
    TRADES.full_name: f"{CURRENT} AND {HAPPENED}",
    QUOTES.full_name: CURRENT,
}
_CHECKS: Mapping[str, tuple[HealthCheck, ...]] = {
    BARS.full_name: (
        health_bars.gap_check(BARS),
        health_bars.outlier_check(BARS),
        health_sessions.split_check(BARS),
        stale_check(BARS),
        health_sessions.constant_check(BARS),
        health_sessions.few_trades_check(BARS),
    ),
    DAILY_KPIS.full_name: (
        health_bars.outlier_check(DAILY_KPIS),
        health_sessions.split_check(DAILY_KPIS),
        stale_check(DAILY_KPIS),
        health_sessions.constant_check(DAILY_KPIS),
        health_sessions.few_trades_check(DAILY_KPIS),
    ),
    TRADES.full_name: (
        health_ticks.gap_check(TRADES),
        health_ticks.outlier_check(TRADES),
        stale_check(TRADES),
        health_ticks.few_trades_check(TRADES),
    ),
    QUOTES.full_name: (
        health_ticks.gap_check(QUOTES),
        health_ticks.outlier_check(QUOTES),
        stale_check(QUOTES),
    ),
}
_TABLES = {table.full_name: table for table in (BARS, DAILY_KPIS, TRADES, QUOTES)}
TABLES = tuple(_TABLES)


def health(
    lake: Lake,
    table_name: str,
    asked: HealthRequest = HealthRequest(),  # noqa: B008 - frozen
    limits: Thresholds = Thresholds(),  # noqa: B008 - frozen
) -> HealthReport:
    """The table's health, worst findings of each kind first.

    Computed by delta-rs' query engine in slices of `limits.rows_at_once` rows, so that memory does not grow
    with the table: only a symbol is never cut (of trades and quotes a symbol's session).

    Raises:
        ServingError: a table of which there is no report, a wrong symbol, or nothing there to judge.
        LakeError: the table is not there or cannot be read.
    """
    if table_name not in _TABLES:
        raise ServingError(f"no health report of {table_name}; there is one of {', '.join(TABLES)}")
    table = _TABLES[table_name]
    chosen = f"symbol IN ({literals(map(checked_symbol, asked.symbols))})" if asked.symbols else "true"
    everything = f"{_COUNTED[table_name]} AND {of_sessions(table, asked.start, asked.end)}"
    what = select(
        lake,
        table,
        "SELECT count(*) AS rows, count(DISTINCT symbol) AS symbols, min(trade_dt) AS first, "  # noqa: S608 - escaped
        f"max(trade_dt) AS last FROM stored WHERE {everything} AND {chosen}",
    )
    if not what or not what[0]["rows"]:
        raise _nothing(lake, table, asked, is_there=bool(what))
    explained = explained_days(lake, chosen, asked.start, asked.end)
    results = {
        check.kind: run_check(lake, table, check, everything, chosen, limits, explained)
        for check in _CHECKS[table_name]
    }
    return HealthReport(
        table=table_name,
        **what[0],
        counts={kind: count for kind, (count, _) in results.items()},
        findings=tuple(finding for _, found in results.values() for finding in found),
    )


def _nothing(lake: Lake, table: Table, asked: HealthRequest, *, is_there: bool) -> Exception:
    if not is_there:
        return LakeError(f"{lake.uri(table)}: no {table.full_name} here; fill the lake with `lakehouse run`")
    known = [row["symbol"] for row in select(lake, table, "SELECT DISTINCT symbol FROM stored")]
    if not known:
        return ServingError(
            f"{table.full_name} is empty: there is nothing to judge; fill it with `lakehouse run`"
        )
    near = [
        name
        for symbol in asked.symbols
        for name in difflib.get_close_matches(symbol.upper(), known, n=3, cutoff=0.5)
    ]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {len(known)} symbols"
    return ServingError(
        f"{table.full_name} has no rows of {', '.join(asked.symbols) or 'any symbol'} "
        f"from {asked.start or 'the beginning'} to {asked.end or 'the end'}; {hint}"
    )
