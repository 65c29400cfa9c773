"""The health report of a table: suspicious patterns across rows that each pass validation."""

from collections.abc import Mapping, Sequence

from delta_tables.storage.lake import Lake, LakeError
from delta_tables.table import Table
from delta_tables.tables.gold import DAILY_KPIS
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from delta_tables.views.tick_views import CURRENT, HAPPENED
from serving.errors import ServingError
from serving.health import bar_checks, session_checks, tick_checks
from serving.health.check import HealthCheck, known_split_days, run_check
from serving.health.findings import HealthReport, HealthRequest, Thresholds
from serving.health.stale_symbols import stale_check
from serving.query.conditions import of_sessions
from serving.query.literals import checked_symbol, literals
from serving.query.near_symbols import near_or_all
from serving.query.selected_rows import select

# The rows that a report covers: current rows of regular sessions, or of markets that never close.
_COVERED: Mapping[str, str] = {
    BARS.full_name: f"{CURRENT} AND session IN ('regular', '24x7')",
    DAILY_KPIS.full_name: "true",
    TRADES.full_name: f"{CURRENT} AND {HAPPENED}",
    QUOTES.full_name: CURRENT,
}
_CHECKS: Mapping[str, tuple[HealthCheck, ...]] = {
    BARS.full_name: (
        bar_checks.gap_check(BARS),
        bar_checks.outlier_check(BARS),
        session_checks.split_check(BARS),
        stale_check(BARS),
        session_checks.constant_check(BARS),
        session_checks.few_trades_check(BARS),
    ),
    DAILY_KPIS.full_name: (
        bar_checks.outlier_check(DAILY_KPIS),
        session_checks.split_check(DAILY_KPIS),
        stale_check(DAILY_KPIS),
        session_checks.constant_check(DAILY_KPIS),
        session_checks.few_trades_check(DAILY_KPIS),
    ),
    TRADES.full_name: (
        tick_checks.gap_check(TRADES),
        tick_checks.outlier_check(TRADES),
        stale_check(TRADES),
        tick_checks.few_trades_check(TRADES),
    ),
    QUOTES.full_name: (
        tick_checks.gap_check(QUOTES),
        tick_checks.outlier_check(QUOTES),
        stale_check(QUOTES),
    ),
}
_TABLES = {table.full_name: table for table in (BARS, DAILY_KPIS, TRADES, QUOTES)}
TABLES = tuple(_TABLES)


def health(
    lake: Lake,
    table_name: str,
    request: HealthRequest = HealthRequest(),  # noqa: B008 - frozen
    thresholds: Thresholds = Thresholds(),  # noqa: B008 - frozen
) -> HealthReport:
    """The table's health report, the worst findings of each kind first.

    delta-rs' query engine computes it in slices of `thresholds.rows_at_once` rows, so that memory does not
    grow with the table; only one symbol (of trades and quotes one symbol's session) is never split.

    Raises:
        ServingError: there is no report for this table, a symbol is not valid, or there are no rows to check.
        LakeError: the table does not exist or cannot be read.
    """
    if table_name not in _TABLES:
        raise ServingError(f"there is no health report for {table_name}; choose one of {', '.join(TABLES)}")
    table = _TABLES[table_name]
    if request.start and request.end and request.start > request.end:
        raise ServingError(
            f"the range ends on {request.end}, before it starts on {request.start}; swap the two dates"
        )
    selected = f"symbol IN ({literals(map(checked_symbol, request.symbols))})" if request.symbols else "true"
    all_rows = f"{_COVERED[table_name]} AND {of_sessions(table, request.start, request.end)}"
    summary = select(
        lake,
        table,
        "SELECT count(*) AS rows, count(DISTINCT symbol) AS symbols, min(trade_dt) AS first, "  # noqa: S608 - escaped
        f"max(trade_dt) AS last FROM stored WHERE {all_rows} AND {selected}",
    )
    if not summary or not summary[0]["rows"] or summary[0]["symbols"] < len(set(request.symbols)):
        _require_known(lake, table, request.symbols)
    if not summary or not summary[0]["rows"]:
        raise _no_rows_error(lake, table, request, exists=bool(summary))
    known_splits = known_split_days(lake, selected, request.start, request.end)
    results = {
        check.kind: run_check(lake, table, check, all_rows, selected, thresholds, known_splits)
        for check in _CHECKS[table_name]
    }
    return HealthReport(
        table=table_name,
        **summary[0],
        counts={kind: count for kind, (count, _) in results.items()},
        findings=tuple(finding for _, findings in results.values() for finding in findings),
    )


def _no_rows_error(lake: Lake, table: Table, request: HealthRequest, *, exists: bool) -> Exception:
    if not exists:
        return LakeError(
            f"there is no {table.full_name} at {lake.uri(table)}; fill the lake with `lakehouse run`"
        )
    (all_sessions,) = select(lake, table, "SELECT min(trade_dt) AS first, max(trade_dt) AS last FROM stored")
    if all_sessions["first"] is None:
        return ServingError(
            f"{table.full_name} is empty, so there is nothing to check; fill it with `lakehouse run`"
        )
    return ServingError(
        f"{table.full_name} has no rows of {', '.join(request.symbols) or 'any symbol'} "
        f"from {request.start or 'the beginning'} to {request.end or 'the end'}; "
        f"its sessions are from {all_sessions['first']} to {all_sessions['last']}"
    )


def _require_known(lake: Lake, table: Table, symbols: Sequence[str]) -> None:
    known = {row["symbol"] for row in select(lake, table, "SELECT DISTINCT symbol FROM stored")}
    unknown = [symbol for symbol in symbols if symbol not in known]
    if known and unknown:
        hint = near_or_all(unknown, known, table.full_name)
        raise ServingError(f"{table.full_name} has no rows of {', '.join(unknown)}; {hint}")
