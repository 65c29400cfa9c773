"""The Silver rows that a Gold row was computed from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from config.settings import AVERAGE_SESSIONS, SignalSettings
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.gold import DAILY_KPIS, STOCK_OVERVIEW
from delta_tables.tables.silver import BARS, FUNDAMENTALS
from delta_tables.views.conditions import known_at
from serving.query.literals import literal
from serving.query.selected_rows import Records, select

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """Silver rows that a number was computed from, and their role in it."""

    role: str
    table: str
    rows: tuple[Row, ...]

    @property
    def session_range(self) -> str:
        """The first and the last session of the rows, such as `2026-01-05 to 2026-01-06`."""
        dates = [row["trade_dt"] for row in self.rows if row.get("trade_dt")]
        return f"{min(dates)} to {max(dates)}" if dates else ""


def kpi_evidence(lake: Lake, row: Row, _settings: SignalSettings) -> list[Evidence]:
    """The bars of the session, and of the session before it, which price_change compares with."""
    own = (row["trade_dt"], row["interval"], row["provider"])
    return [*_bar_evidence(lake, row, [("bars of the session", [own])]), _change_evidence(lake, row)]


def overview_evidence(lake: Lake, row: Row, settings: SignalSettings) -> list[Evidence]:
    """The bars of the session and of each window before it, and the fundamentals known at its end."""
    volatility, spike = settings.volatility_window_sessions, settings.volume_spike_window_sessions
    windows = {
        f"7d_avg: the {AVERAGE_SESSIONS - 1} sessions before": AVERAGE_SESSIONS - 1,
        f"volatility_score: the {volatility} sessions before": volatility,
        f"volume_spike_pct: full sessions among the {spike} before": spike,
    }
    own, *others = _windows(lake, row, windows)
    return [own, _change_evidence(lake, row), *others, *_fundamentals(lake, row)]


def signal_evidence(lake: Lake, row: Row, settings: SignalSettings) -> list[Evidence]:
    """The bars of the session; for a volume signal also its window, for a P/E signal the fundamentals."""
    if row["signal"].startswith("P/E"):
        return [*_windows(lake, row, {}), *_fundamentals(lake, row)]
    spike = settings.volume_spike_window_sessions
    return _windows(lake, row, {f"window: full sessions among the {spike} before": spike})


def break_evidence(lake: Lake, row: Row, _settings: SignalSettings) -> list[Evidence]:
    """The preferred provider's bar and the one compared with it; they may spell the symbol differently."""
    evidence, spelled = [], row["symbol"].translate(str.maketrans("-/", ".."))
    for side in ("a", "b"):
        sql = (
            f"SELECT * FROM stored WHERE provider = {literal(row[f'provider_{side}'])} "  # noqa: S608 - escaped
            f'AND "interval" = {literal(row["interval"])} AND "timestamp" = {literal(row["timestamp"])} '
            f"AND translate(symbol, '-/', '..') = {literal(spelled)} AND {known_at(None)} "
            f"AND trade_dt = {literal(row['trade_dt'])}"
        )
        role = "provider_a: the preferred bar" if side == "a" else "provider_b: the bar compared with it"
        evidence.append(Evidence(role, BARS.full_name, tuple(select(lake, BARS, sql))))
    return evidence


GOLD_EVIDENCE: Mapping[str, Callable[[Lake, Row, SignalSettings], list[Evidence]]] = {
    "gold.daily_kpis": kpi_evidence,
    "gold.stock_overview": overview_evidence,
    "gold.signals": signal_evidence,
    "gold.bar_breaks": break_evidence,
}

_Day = tuple[date, str, str]


def _windows(lake: Lake, row: Row, windows: Mapping[str, int]) -> list[Evidence]:
    """The bars of the session and of each window, by role; gold.stock_overview has interval and provider.

    A window counts the sessions in which any stock has a bar, so that a missing session of one symbol counts.
    """
    days = _days(lake, STOCK_OVERVIEW, row, f"trade_dt <= {literal(row['trade_dt'])}")
    longest = max(windows.values(), default=0)
    earlier = select(
        lake,
        DAILY_KPIS,
        "SELECT DISTINCT trade_dt FROM stored WHERE asset_class = 'stock' "  # noqa: S608 - escaped
        f"AND trade_dt < {literal(row['trade_dt'])} ORDER BY trade_dt DESC LIMIT {longest}",
    )
    sessions = [day["trade_dt"] for day in earlier]
    own = [day for day in days if day[0] == row["trade_dt"]]
    roles = [("bars of the session", own)]
    for role, length in windows.items():
        roles.append((role, [day for day in days if day[0] in sessions[:length]]))
    return _bar_evidence(lake, row, roles)


def _change_evidence(lake: Lake, row: Row) -> Evidence:
    """The bars that price_change compares with, of the same interval and provider."""
    same = f'"interval" = {literal(row["interval"])} AND provider = {literal(row["provider"])}'
    before = _days(lake, DAILY_KPIS, row, f"trade_dt < {literal(row['trade_dt'])} AND {same}")[-1:]
    return _bar_evidence(lake, row, [("price_change: the previous session", before)])[0]


def _days(lake: Lake, table: Table, row: Row, where: str) -> list[_Day]:
    """The symbol's sessions in the Gold table: date, interval, provider; oldest first."""
    sql = (
        'SELECT trade_dt, "interval", provider FROM stored '  # noqa: S608 - escaped
        f"WHERE symbol = {literal(row['symbol'])} AND {where} ORDER BY trade_dt"
    )
    return [(day["trade_dt"], day["interval"], day["provider"]) for day in select(lake, table, sql)]


def _bar_evidence(lake: Lake, row: Row, roles: list[tuple[str, list[_Day]]]) -> list[Evidence]:
    bars = _regular_bars(lake, row["symbol"], [day for _, days in roles for day in days])
    return [
        Evidence(role, BARS.full_name, tuple(bar for day in days for bar in bars.get(day, ())))
        for role, days in roles
    ]


def _regular_bars(lake: Lake, symbol: str, days: list[_Day]) -> dict[_Day, Records]:
    """The current bars that Gold is computed from: those of the regular session, or of 24x7 markets."""
    if not days:
        return {}
    dates = [day[0] for day in days]
    sql = (
        f"SELECT * FROM stored WHERE symbol = {literal(symbol)} AND {known_at(None)} "  # noqa: S608 - escaped
        f"AND session IN ('regular', '24x7') AND trade_dt >= {literal(min(dates))} "
        f'AND trade_dt <= {literal(max(dates))} ORDER BY "timestamp"'
    )
    bars: dict[_Day, Records] = {}
    for bar in select(lake, BARS, sql):
        bars.setdefault((bar["trade_dt"], bar["interval"], bar["provider"]), []).append(bar)
    return bars


def _fundamentals(lake: Lake, row: Row) -> list[Evidence]:
    """The fundamentals known when the day of the session ended in New York."""
    next_day = row["trade_dt"] + timedelta(days=1)
    day_end = datetime.combine(next_day, time(0), ZoneInfo("America/New_York")).astimezone(UTC)
    sql = (
        f"SELECT * FROM stored WHERE symbol = {literal(row['symbol'])} "  # noqa: S608 - escaped
        f"AND {known_at(day_end)} ORDER BY provider LIMIT 1"
    )
    rows = tuple(select(lake, FUNDAMENTALS, sql))
    return [Evidence("pe_ratio: the fundamentals known at the session's end", FUNDAMENTALS.full_name, rows)]
