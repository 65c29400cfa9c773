"""The symbols that the report shows, and the points of their charts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from delta_tables.intervals import INTERVALS_BY_PREFERENCE
from delta_tables.storage.lake import Lake
from delta_tables.tables.gold import DAILY_KPIS, SIGNALS, STOCK_OVERVIEW
from delta_tables.tables.silver import BARS, FUNDAMENTALS
from serving.query.literals import literal, literals
from serving.query.selected_rows import Records, select
from serving.report.svg_charts import Chart, ChartPoint, price_chart

MAX_CHARTS = 12
_INTRADAY_SESSIONS = 3


@dataclass(frozen=True)
class SymbolCharts:
    """A symbol's chart by session, and its last sessions bar by bar if there are intraday bars."""

    symbol: str
    name: str
    sessions: Chart
    intraday: Chart | None
    latest: date
    is_simulated: bool
    is_intraday_simulated: bool


def symbol_charts(lake: Lake) -> list[SymbolCharts]:
    """Charts of at most 12 symbols: those with intraday bars, then currencies, then the latest signals."""
    symbols = _chosen(lake)
    days = _days(lake, symbols)
    bars = _intraday_bars(lake, symbols)
    names = _names(lake, symbols)
    charts = (_draw(symbol, days.get(symbol, []), bars.get(symbol, []), names) for symbol in symbols)
    return [chart for chart in charts if chart]


def _chosen(lake: Lake) -> list[str]:
    queries = (
        (DAILY_KPIS, "SELECT DISTINCT symbol FROM stored WHERE \"interval\" <> '1day' ORDER BY symbol"),
        (DAILY_KPIS, "SELECT DISTINCT symbol FROM stored WHERE asset_class <> 'stock' ORDER BY symbol"),
        (
            SIGNALS,
            "SELECT symbol FROM stored WHERE is_triggered GROUP BY symbol "
            "ORDER BY max(trade_dt) DESC, max(value / threshold) DESC, symbol LIMIT 24",
        ),
        (
            DAILY_KPIS,
            "SELECT symbol FROM stored GROUP BY symbol ORDER BY max(trade_dt) DESC, symbol LIMIT 12",
        ),
    )
    symbols = [row["symbol"] for table, sql in queries for row in select(lake, table, sql)]
    return list(dict.fromkeys(symbols))[:MAX_CHARTS]


def _days(lake: Lake, symbols: Sequence[str]) -> dict[str, Records]:
    """The sessions of each symbol, oldest first, with 7d_avg; each of one interval and provider.

    Those that gold.stock_overview uses; where it has no row, the daily bars, otherwise the finest interval,
    and the first provider by name.
    """
    where = f"WHERE symbol IN ({literals(symbols)})"
    rows = select(
        lake,
        DAILY_KPIS,
        f'SELECT symbol, trade_dt, "interval", provider, close, volume, is_simulated FROM stored {where}',  # noqa: S608 - escaped
    )
    sql = f'SELECT symbol, trade_dt, "interval", provider, "7d_avg" AS average FROM stored {where}'  # noqa: S608 - escaped
    overview = {(row["symbol"], row["trade_dt"]): row for row in select(lake, STOCK_OVERVIEW, sql)}
    rows.sort(key=lambda row: _preference(row, overview.get((row["symbol"], row["trade_dt"]))))
    days: dict[str, Records] = {}
    for (symbol, day), same in groupby(rows, key=itemgetter("symbol", "trade_dt")):
        average = overview.get((symbol, day), {}).get("average")
        days.setdefault(symbol, []).append({**next(same), "average": average})
    return days


def _preference(row: Mapping[str, Any], overview: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """A sort key: by symbol and session, starting with the bars that the overview uses."""
    used = overview and (overview["interval"], overview["provider"])
    is_not_used = used != (row["interval"], row["provider"])
    by_interval = INTERVALS_BY_PREFERENCE.index(row["interval"])
    return row["symbol"], row["trade_dt"], is_not_used, by_interval, row["provider"]


def _intraday_bars(lake: Lake, symbols: Sequence[str]) -> dict[str, Records]:
    """The current bars of the last sessions, oldest first, in the finest interval below a day.

    Each symbol has bars of one provider, the first by name.
    """
    days = select(
        lake,
        DAILY_KPIS,
        "SELECT DISTINCT trade_dt FROM stored WHERE \"interval\" <> '1day' "  # noqa: S608 - a number
        f"ORDER BY trade_dt DESC LIMIT {_INTRADAY_SESSIONS}",
    )
    if not days:
        return {}
    rows = select(
        lake,
        BARS,
        'SELECT symbol, trade_dt, "interval", provider, "timestamp", close, volume, is_simulated FROM stored '  # noqa: S608 - escaped
        f"WHERE known_to IS NULL AND session = 'regular' AND \"interval\" <> '1day' "
        f"AND trade_dt >= {literal(days[-1]['trade_dt'])} AND symbol IN ({literals(symbols)})",
    )
    bars: dict[str, Records] = {}
    for row in sorted(rows, key=itemgetter("symbol", "timestamp")):
        bars.setdefault(row["symbol"], []).append(row)
    return {symbol: _finest(rows) for symbol, rows in bars.items()}


def _finest(bars: Records) -> Records:
    series = {(INTERVALS_BY_PREFERENCE.index(bar["interval"]), bar["provider"]): bar for bar in bars}
    first = series[min(series)]
    return [bar for bar in bars if all(bar[name] == first[name] for name in ("interval", "provider"))]


def _names(lake: Lake, symbols: Sequence[str]) -> dict[str, str]:
    sql = f"SELECT symbol, name FROM stored WHERE known_to IS NULL AND symbol IN ({literals(symbols)})"  # noqa: S608 - escaped
    return {row["symbol"]: row["name"] or "" for row in select(lake, FUNDAMENTALS, sql)}


def _draw(symbol: str, days: Records, bars: Records, names: dict[str, str]) -> SymbolCharts | None:
    if not days:
        return None
    sessions = price_chart(f"{symbol}: close and volume by session", list(_day_points(days)))
    if sessions is None:
        return None
    return SymbolCharts(
        symbol=symbol,
        name=names.get(symbol, ""),
        sessions=sessions,
        intraday=price_chart(f"{symbol}: the last sessions bar by bar", list(_bar_points(bars))),
        latest=days[-1]["trade_dt"],
        is_simulated=any(day["is_simulated"] for day in days),
        is_intraday_simulated=any(bar["is_simulated"] for bar in bars),
    )


def _day_points(days: Records) -> Iterator[ChartPoint]:
    """The sessions as points; the first of a month has its name as tick, the first of a year the year."""
    last: date = days[0]["trade_dt"]
    for day in days:
        at: date = day["trade_dt"]
        tick = (
            ""
            if (at.year, at.month) == (last.year, last.month)
            else at.strftime("%b" if at.year == last.year else "%Y")
        )
        last = at
        yield ChartPoint(
            at.isoformat(), tick, float(day["close"]), _float(day["average"]), _float(day["volume"])
        )


def _bar_points(bars: Records) -> Iterator[ChartPoint]:
    last = None
    for bar in bars:
        tick = "" if bar["trade_dt"] == last else bar["trade_dt"].strftime("%a %d %b")
        last = bar["trade_dt"]
        label = f"{bar['timestamp']:%d %b %H:%M} UTC"
        yield ChartPoint(label, tick, float(bar["close"]), None, _float(bar["volume"]))


def _float(value: object) -> float | None:
    return None if value is None else float(str(value))
