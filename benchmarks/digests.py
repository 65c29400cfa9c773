"""Tables too large to be laid side by side: a line a symbol, with a digest of each column."""

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

_KEY = ("symbol", "sequence_number")


def digests(ticks: pl.LazyFrame, columns: Sequence[str]) -> pa.Table:
    """symbol, the number of its rows, and of each other column a text that says which value stands at which
    sequence number.

    Rows may be in any order; decimals count to six places.
    """
    plain = {name: _plain(name, kind) for name, kind in ticks.collect_schema().items()}
    lines = ticks.group_by("symbol").agg(pl.len().cast(pl.Int64).alias("rows")).collect()
    for name in (each for each in columns if each != "symbol"):
        chosen = ticks.select(*(plain[key] for key in _KEY), plain[name].alias("value"))
        hashed = pl.struct("sequence_number", "value").hash().alias("hash")
        digest = chosen.with_columns(hashed).group_by("symbol").agg(pl.col("hash").sum().cast(pl.String))
        lines = lines.join(digest.collect(engine="streaming").rename({"hash": name}), on="symbol")
    return lines.sort("symbol").to_arrow()


def _plain(name: str, kind: pl.DataType) -> pl.Expr:
    """The column in the one type that all contestants' values of its kind have."""
    if isinstance(kind, pl.Datetime):
        return pl.col(name).dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    if kind.is_integer():
        return pl.col(name).cast(pl.Int64)
    return pl.col(name).cast(pl.Decimal(38, 6)) if kind.is_numeric() else pl.col(name)
