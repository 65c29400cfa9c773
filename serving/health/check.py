"""One kind of health check: a SELECT of findings, run slice by slice, and the message of a finding."""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from serving.health.findings import HealthFinding, Thresholds
from serving.health.slices import Slicer
from serving.query.literals import literal
from serving.query.selected_rows import select

Row = Mapping[str, Any]


@dataclass(frozen=True)
class CheckScope:
    """The rows of `stored` that a check reads (`where`) and those it may report (`selected`).

    `known_splits` is a SELECT of known_symbol and ex_dt: the days whose jumps a split or bonus explains.
    """

    where: str
    selected: str
    thresholds: Thresholds
    known_splits: str


@dataclass(frozen=True)
class HealthCheck:
    """How one kind of finding is found.

    `sql` returns one row per finding: provider, symbol, interval, started_at, ended_at, measured, threshold,
    severity (higher is worse), and the columns that `message` uses. `needs_all_symbols`: symbols are compared
    with each other, so all of them must be read even if the report covers only a few.
    """

    kind: str
    slicer: Slicer
    sql: Callable[[CheckScope], str]
    message: Callable[[Row], str]
    needs_all_symbols: bool = False


def run_check(
    lake: Lake,
    table: Table,
    check: HealthCheck,
    all_rows: str,
    selected: str,
    thresholds: Thresholds,
    known_splits: str,
) -> tuple[int, list[HealthFinding]]:
    """The number of findings, and the worst `thresholds.max_findings` of them.

    `all_rows` and `selected` are SQL conditions: the sessions covered, and the symbols covered.
    """
    total, worst = 0, list[Row]()
    where = all_rows if check.needs_all_symbols else f"{all_rows} AND {selected}"
    for part in check.slicer(lake, table, where, thresholds.rows_at_once):
        sql = check.sql(CheckScope(part, selected, thresholds, known_splits))
        rows = select(lake, table, _worst_sql(sql, thresholds.max_findings))
        total += rows[0]["total"] if rows else 0
        worst = heapq.nsmallest(thresholds.max_findings, [*worst, *rows], key=_order)
    return total, [_finding(check, row) for row in worst]


def _worst_sql(sql: str, limit: int) -> str:
    return (
        f"SELECT *, count(*) OVER () AS total FROM ({sql}) found "  # noqa: S608 - our own text
        f'ORDER BY severity DESC, symbol, provider, "interval", started_at LIMIT {limit}'
    )


def _order(row: Row) -> tuple[Any, ...]:
    return (-row["severity"], row["symbol"], row["provider"], row["interval"], row["started_at"])


def _finding(check: HealthCheck, row: Row) -> HealthFinding:
    names = ("provider", "symbol", "interval", "started_at", "ended_at")
    return HealthFinding(
        kind=check.kind,
        **{name: row[name] for name in names},
        measured=float(row["measured"]),
        threshold=float(row["threshold"]),
        message=check.message(row),
    )


def known_split_days(lake: Lake, selected: str, start: date | None, end: date | None) -> str:
    """A SELECT of known_symbol and ex_dt: the days of splits and bonuses, as literals (they are few)."""
    rows = select(
        lake,
        CORPORATE_ACTIONS,
        "SELECT DISTINCT symbol, ex_dt FROM stored WHERE known_to IS NULL "  # noqa: S608 - escaped
        f"AND action IN ('split', 'bonus') AND {selected} "
        f"AND ex_dt BETWEEN {literal(start or date.min)} AND {literal(end or date.max)}",
    )
    values = ", ".join(f"({literal(row['symbol'])}, {literal(row['ex_dt'])})" for row in rows)
    if not values:
        return "SELECT '' AS known_symbol, date '1970-01-01' AS ex_dt WHERE false"
    return f"SELECT * FROM (VALUES {values}) AS known (known_symbol, ex_dt)"  # noqa: S608 - escaped
