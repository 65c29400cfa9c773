"""Reads bars, trades and quotes into Arrow, pandas or Polars, without a query engine: for backtests.

    >>> from serving.read import open_reader
    >>> reader = open_reader(lake)  # or open_reader("./lake")
    >>> reader.bars("AAPL", adjusted="split").pandas()["close"].tolist()
    [100.0, 100.5, 101.0, 101.0, 102.0]

Where do I go to...?
    read rows, or limit a backtest to what was known then    reader.py
    change the result: Arrow, pandas, Polars                 rows.py
    change what is cached, or how hits are counted           chunk_cache.py, chunk_store.py
    see how a new version of a table is noticed              snapshots.py
    see how rows are queried and split into chunks           chunks.py, adjusted.py
    see which rows a read returns                            conditions.py, time_range.py, tables.py
    change the error for a symbol that does not exist        universe.py
"""

from serving.read.chunk_cache import CacheMetrics
from serving.read.reader import Reader, open_reader
from serving.read.rows import Rows

__all__ = ["CacheMetrics", "Reader", "Rows", "open_reader"]
