"""The views of the tables, as plain SQL."""

from collections.abc import Callable
from dataclasses import dataclass

from delta_tables.table import Table
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from delta_tables.views.adjusted_bars import (
    BARS_SPLIT_ADJUSTED,
    BARS_TOTAL_ADJUSTED,
    split_adjusted_sql,
    total_adjusted_sql,
)

STOCK_CLEAN = "silver.stock_clean"
IS_CURRENT_STOCK = "known_to IS NULL AND asset_class = 'stock'"
_CLEAN_COLUMNS = (
    "symbol, timestamp, trade_dt, interval, session, provider, open, high, low, close, "
    "CAST(volume AS BIGINT) AS volume, is_simulated"
)


@dataclass(frozen=True)
class View:
    """A view: its name, its description, its tables, and a function from their names to its SELECT."""

    name: str
    description: str
    tables: tuple[Table, ...]
    select: Callable[..., str]

    @property
    def sql(self) -> str:
        """The SELECT with the tables' own names."""
        return self.select(*(table.full_name for table in self.tables))


def stock_clean_sql(source: str) -> str:
    """The SELECT of the view silver.stock_clean over `source` (columns of silver.bars), for any engine.

    One row per symbol and timestamp, for current stock bars: if bars of several intervals begin at the same
    instant, the bar of the finest interval. volume is a bigint.
    """
    minutes = "CASE interval WHEN '1day' THEN 1440 ELSE CAST(replace(interval, 'min', '') AS INT) END"
    bar_rank = f"row_number() OVER (PARTITION BY symbol, timestamp ORDER BY {minutes}, provider) AS bar_rank"
    ranked = f"SELECT *, {bar_rank} FROM {source} WHERE {IS_CURRENT_STOCK}"  # noqa: S608 - no outside text
    return f"SELECT {_CLEAN_COLUMNS} FROM ({ranked}) ranked WHERE bar_rank = 1"  # noqa: S608 - likewise


def stock_clean_single_series_sql(source: str) -> str:
    """The SELECT of silver.stock_clean if all bars have the same interval and provider: nothing to rank."""
    return f"SELECT {_CLEAN_COLUMNS} FROM {source} WHERE {IS_CURRENT_STOCK}"  # noqa: S608 - no outside text


VIEWS = (
    View(STOCK_CLEAN, "The current stock bars, one row per symbol and timestamp.", (BARS,), stock_clean_sql),
    View(
        BARS_SPLIT_ADJUSTED,
        "The current bars in today's shares: adjusted for the splits known now.",
        (BARS, CORPORATE_ACTIONS),
        split_adjusted_sql,
    ),
    View(
        BARS_TOTAL_ADJUSTED,
        "The current bars in today's shares, prices also adjusted for dividends and capital gains.",
        (BARS, CORPORATE_ACTIONS),
        total_adjusted_sql,
    ),
)
