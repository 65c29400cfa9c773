"""One kind of check: a SELECT that finds, run slice by slice, and the finding in words."""

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
from serving.query.select import select

Row = Mapping[str, Any]


@dataclass(frozen=True)
class CheckScope:
    """What a check looks at: rows of `stored` that satisfy `where`, of which `chosen` may be found.

    `explained` is a SELECT of known_symbol and ex_dt: the days on which a split or bonus explains a jump.
    """

    where: str
    chosen: str
    limits: Thresholds
    explained: str


@dataclass(frozen=True)
class HealthCheck:
    """How one kind is found.

    `sql` gives one row a finding: provider, symbol, interval, started_at, ended_at, measured, threshold,
    severity (higher is worse) and what `message` wants. `needs_all`: symbols are compared with the others,
    so that a choice of symbols must not narrow what is read.
    """

    kind: str
    slicer: Slicer
    sql: Callable[[CheckScope], str]
    message: Callable[[Row], str]
    needs_all: bool = False


def run_check(
    lake: Lake,
    table: Table,
    check: HealthCheck,
    everything: str,
    chosen: str,
    limits: Thresholds,
    explained: str,
) -> tuple[int, list[HealthFinding]]:
    """How many findings there are, and the worst of them, `limits.max_findings` at most."""
    total, worst = 0, list[Row]()
    where = everything if check.needs_all else f"{everything} AND {chosen}"
    for part in check.slicer(lake, table, where, limits.rows_at_once):
        sql = check.sql(CheckScope(part, chosen, limits, explained))
        rows = select(lake, table, _worst(sql, limits.max_findings))
        total += rows[0]["total"] if rows else 0
        worst = heapq.nsmallest(limits.max_findings, [*worst, *rows], key=_order)
    return total, [_finding(check, row) for row in worst]


def _worst(sql: str, most: int) -> str:
    return (
        f"SELECT *, count(*) OVER () AS total FROM ({sql}) found "  # noqa: S608 - our own text
        f'ORDER BY severity DESC, symbol, provider, "interval", started_at LIMIT {most}'
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


def explained_days(lake: Lake, chosen: str, start: date | None, end: date | None) -> str:
    """A SELECT of known_symbol and ex_dt: the days of a split or bonus; they are few, so spelled out."""
    known = select(
        lake,
        CORPORATE_ACTIONS,
        "SELECT DISTINCT symbol, ex_dt FROM stored WHERE known_to IS NULL "  # noqa: S608 - escaped
        f"AND action IN ('split', 'bonus') AND {chosen} "
        f"AND ex_dt BETWEEN {literal(start or date.min)} AND {literal(end or date.max)}",
    )
    rows = ", ".join(f"({literal(row['symbol'])}, {literal(row['ex_dt'])})" for row in known)
    if not rows:
        return "SELECT '' AS known_symbol, date '1970-01-01' AS ex_dt WHERE false"
    return f"SELECT * FROM (VALUES {rows}) AS known (known_symbol, ex_dt)"  # noqa: S608 - escaped
