"""Reads bars, trades and quotes into Arrow, pandas or Polars, without an engine: for backtests.

    >>> from serving.read import open_reader
    >>> reader = open_reader(lake)  # or open_reader("./lake")
    >>> reader.bars("AAPL", adjusted="split").pandas()["close"].tolist()
    [100.0, 100.5, 101.0, 101.0, 102.0]

Where do I go to...?
    ask for rows, or hold a backtest to what was known     reader.py
    see what comes out: Arrow, pandas, Polars              rows.py
    change what is kept in memory, or see the hit rate     chunk_cache.py, shelf.py
    see how a new version of a table is noticed            snapshots.py
    see how rows are fetched and cut into chunks           chunks.py, adjusted.py
    see which rows belong to an answer                     conditions.py, spans.py, series.py
    change what is said of a symbol that is not there      universe.py
"""

from serving.read.chunk_cache import CacheMetrics
from serving.read.reader import Reader, open_reader
from serving.read.rows import Rows

__all__ = ["CacheMetrics", "Reader", "Rows", "open_reader"]
