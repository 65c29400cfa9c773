"""The names of an export's objects: layouts that users of plain S3 expect."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from delta_tables.table import Table
from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.tables.silver import BARS
from serving.errors import ServingError
from serving.export.formats import FORMATS

BAR_COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")
# known_to of a row as of an instant was set after that instant; partition_dt is storage layout
_EXCLUDED_COLUMNS = ("known_to", "partition_dt")
_EXPORTED_LAYERS = ("silver", "gold")
_DATE = r"\d{4}-\d{2}-\d{2}"
# with an optional suffix, so that the temporary files of a killed export match too
_SUFFIX = rf"({'|'.join(re.escape(known.suffix) for known in FORMATS.values())})(\.[0-9a-f]+\.part)?"


@dataclass(frozen=True)
class Layout:
    """How a table's rows are divided into objects.

    `folder` is created in the export's destination and holds the manifest. `key(trade_dt, symbol)` is an
    object's name in it without the format's suffix, and `pattern` matches all such names. Each combination of
    values of `object_columns` has its own object. `condition` is the SQL condition of the exported rows.
    """

    name: str
    folder: str
    table: Table
    columns: tuple[str, ...]
    object_columns: tuple[str, ...]
    key: Callable[[date, str], str]
    pattern: str
    format_name: str
    condition: str = "true"

    @property
    def is_by_symbol(self) -> bool:
        """Whether each symbol has its own objects, which do not contain provider and interval."""
        return "symbol" in self.object_columns


def key_segment(symbol: str) -> str:
    """The symbol as one segment of a path or S3 key; different symbols give different segments.

    Characters other than letters, digits, `-`, `_`, `.` and `~` are percent-encoded (UTF-8): `^GSPC` is
    `%5EGSPC`, `EURUSD=X` is `EURUSD%3DX`. Names of dots only are encoded too, as they lead out of a folder.
    """
    encoded = quote(symbol, safe="")
    return encoded if encoded.strip(".") else encoded.replace(".", "%2E")


def _intraday_key(trade_dt: date, symbol: str) -> str:
    return f"{key_segment(symbol)}/{trade_dt}/data"


def _daily_key(trade_dt: date, symbol: str) -> str:
    return f"{trade_dt}/{key_segment(symbol)}/ohlcv"


def _partition_key(trade_dt: date, _symbol: str) -> str:
    return f"year={trade_dt:%Y}/month={trade_dt:%m}/day={trade_dt:%d}/data"


INTRADAY = Layout(
    name="intraday",
    folder="intraday",
    table=BARS,
    columns=BAR_COLUMNS,
    object_columns=("trade_dt", "symbol"),
    key=_intraday_key,
    pattern=rf"[^/]+/{_DATE}/\.?data{_SUFFIX}",
    format_name="csv",
    condition="\"interval\" NOT LIKE '%day'",
)
DAILY = Layout(
    name="daily",
    folder="daily_ohlcv",
    table=BARS,
    columns=BAR_COLUMNS,
    object_columns=("trade_dt", "symbol"),
    key=_daily_key,
    pattern=rf"{_DATE}/[^/]+/\.?ohlcv{_SUFFIX}",
    format_name="csv",
    condition="\"interval\" = '1day'",
)


def partitioned(table: Table) -> Layout:
    """The layout `year=YYYY/month=MM/day=DD/` of a table: one object per session, all content columns."""
    return Layout(
        name="partitioned",
        folder=table.dataset,
        table=table,
        columns=tuple(name for name in table.content_columns if name not in _EXCLUDED_COLUMNS),
        object_columns=("trade_dt",),
        key=_partition_key,
        pattern=rf"year=\d{{4}}/month=\d\d/day=\d\d/\.?data{_SUFFIX}",
        format_name="parquet",
    )


def layout_named(name: str) -> Layout:
    """The layout `intraday` or `daily`, or the layout of a table by its name.

    Raises:
        ServingError: the name is neither a layout nor a Silver or Gold table with sessions.
    """
    by_name = {"intraday": INTRADAY, "daily": DAILY}
    by_name |= {table.full_name: partitioned(table) for table in exported_tables()}
    if name not in by_name:
        raise ServingError(f"{name[:60]!r} cannot be exported; choose one of {', '.join(by_name)}")
    return by_name[name]


def exported_tables() -> tuple[Table, ...]:
    """The Silver and Gold tables whose rows belong to a symbol and a session."""
    return tuple(
        table
        for table in ALL_TABLES
        if table.layer in _EXPORTED_LAYERS and {"symbol", "trade_dt"} <= set(table.columns)
    )
