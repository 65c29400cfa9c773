"""The Silver rows that a Gold row of tick data was computed from."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from config.settings import SignalSettings
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.gold_ticks import TICK_FEATURES, TRADE_BAR_DIFFERENCES
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from delta_tables.views.tick_views import CURRENT, HAPPENED
from serving.explain.gold_lineage import Evidence, Row
from serving.query.literals import literal
from serving.query.selected_rows import select

# serving may not import jobs.gold.tick_features; a test compares both
AVERAGE_MINUTES = 20
_IN_ORDER = "ORDER BY sip_timestamp_ns, sequence_number"


def features_evidence(lake: Lake, row: Row, _settings: SignalSettings) -> list[Evidence]:
    """The trades and quotes of the minute, the trades of the 20 minutes before, and the previous close."""
    before = f'{_day(row)} AND "timestamp" < {literal(row["timestamp"])}'
    earliest = row["timestamp"] - timedelta(minutes=AVERAGE_MINUTES)
    average = f'{before} AND "timestamp" >= {literal(earliest)} AND updates_volume'
    close = f"{before} AND updates_open_close"
    last = "ORDER BY sip_timestamp_ns DESC, sequence_number DESC LIMIT 1"
    return [
        _evidence(lake, TRADES, "trades of the minute", _minute(row), _IN_ORDER),
        _evidence(lake, QUOTES, "quotes of the minute: the last two-sided one is the spread", _minute(row)),
        _evidence(lake, TRADES, "return: the last close before the minute", close, last),
        _evidence(lake, TRADES, f"volume_avg_{AVERAGE_MINUTES}: trades of the minutes before", average),
    ]


def difference_evidence(lake: Lake, row: Row, _settings: SignalSettings) -> list[Evidence]:
    """The trades of the minute, and the vendor's bar of the same minute."""
    bar = (
        f'{_series(row)} AND "interval" = \'1min\' AND "timestamp" = {literal(row["timestamp"])} '
        f"AND partition_dt = {literal(row['trade_dt'])}"
    )
    return [
        _evidence(lake, TRADES, "from_trades: trades of the minute", _minute(row)),
        _evidence(lake, BARS, "from_vendor: the vendor's bar", bar, ""),
    ]


TICK_EVIDENCE: Mapping[str, Callable[[Lake, Row, SignalSettings], list[Evidence]]] = {
    TICK_FEATURES.full_name: features_evidence,
    TRADE_BAR_DIFFERENCES.full_name: difference_evidence,
}


def _evidence(lake: Lake, table: Table, role: str, where: str, order: str = _IN_ORDER) -> Evidence:
    condition = f"{CURRENT} AND {HAPPENED}" if table == TRADES else CURRENT
    rows = select(lake, table, f"SELECT * FROM stored WHERE {condition} AND {where} {order}")  # noqa: S608 - escaped
    return Evidence(role, table.full_name, tuple(rows))


def _minute(row: Row) -> str:
    end = row["timestamp"] + timedelta(minutes=1)
    return f'{_day(row)} AND "timestamp" >= {literal(row["timestamp"])} AND "timestamp" < {literal(end)}'


def _day(row: Row) -> str:
    return f"{_series(row)} AND trade_dt = {literal(row['trade_dt'])}"


def _series(row: Row) -> str:
    return f"provider = {literal(row['provider'])} AND symbol = {literal(row['symbol'])}"
