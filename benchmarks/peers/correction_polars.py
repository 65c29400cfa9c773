"""One symbol's daily bars delivered again, by delta-rs and Polars: its rows are replaced in each table."""

from collections.abc import Generator
from pathlib import Path

import polars as pl

from benchmarks.lakes import kept_payloads
from benchmarks.peers.correction_tables import DELIVERY, lay_polars
from benchmarks.peers.daily_columns import ANSWER, BARS, KPIS, OVERVIEW, SIGNALS
from benchmarks.peers.daily_polars import overview_of, signals_of, texts_of, usable_bars, with_figures
from benchmarks.peers.sessions import new_york_sessions

_VALUES = ("open", "high", "low", "close", "volume")


def run(inputs: Path, folder: Path) -> Generator[None]:
    """Bars whose values differ take the place of those stored; the symbol's figures are computed anew."""
    lay_polars(inputs, folder)
    yield
    payloads = pl.DataFrame(kept_payloads(inputs / DELIVERY)).select("symbol", "payload_id", "body")
    symbol = payloads["symbol"].item()
    sessions = new_york_sessions()
    delivered = usable_bars(texts_of(payloads, "Time Series (Daily)"), sessions)
    stored = pl.scan_delta(str(folder / BARS)).filter(pl.col("symbol") == symbol).collect()
    changed = delivered.join(stored, on=["trade_dt", *_VALUES], how="anti")
    if not changed.is_empty():
        unchanged = stored.join(changed, on="trade_dt", how="anti")
        bars = pl.concat([unchanged.select(changed.columns), changed])
        days = with_figures(bars.join(sessions, on="trade_dt"))
        signals = signals_of(days)
        replace(folder, BARS, symbol, bars)
        replace(folder, KPIS, symbol, days.select(ANSWER[KPIS]))
        replace(folder, SIGNALS, symbol, signals)
        replace(folder, OVERVIEW, symbol, overview_of(days, signals))
    yield


def replace(folder: Path, name: str, symbol: str, rows: pl.DataFrame) -> None:
    """The symbol's rows of a table, in one commit."""
    dated = rows.with_columns(pl.col("trade_dt").dt.truncate("1y").alias("partition_dt"))
    options = {"predicate": f"symbol = '{symbol}'"}
    dated.write_delta(str(folder / name), mode="overwrite", delta_write_options=options)
