"""Cuts a day of ticks into batches of a bounded number of rows, whatever the size of the file.

Batches are ranges of symbols, and a symbol larger than the bound is cut into ranges of its sequence
numbers, which are in order of time. Both are part of the key: a row of another version of the same day
always falls into a range that has its key, so each range can be compared with the same range as stored.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_BUCKETS = 256


@dataclass(frozen=True)
class TickBatch:
    """Symbols from `first_symbol` to `last_symbol`; of one symbol, sequence numbers in [first, end).

    `first` and `end` None: open. `earlier_sip_ns`: the latest SIP time of lower sequence numbers.
    """

    first_symbol: str
    last_symbol: str
    row_count: int
    first: int | None = None
    end: int | None = None
    earlier_sip_ns: int | None = None

    def contains_symbol(self, symbol: str) -> Column:
        """Whether a row is of one of the batch's symbols, by its column `symbol`."""
        return F.col(symbol).between(F.lit(self.first_symbol), F.lit(self.last_symbol))

    def contains(self, symbol: str, sequence: str) -> Column:
        """Whether a row is of this batch, by its columns `symbol` and `sequence`.

        A row whose sequence number cannot be read is of the symbol's first batch.
        """
        held = self.contains_symbol(symbol)
        if self.first is not None:
            held &= F.col(sequence) >= self.first
        if self.end is not None:
            below = F.col(sequence) < self.end
            held &= below if self.first is not None else below | F.col(sequence).isNull()
        return held


@dataclass(frozen=True)
class _Bucket:
    """Consecutive sequence numbers of one symbol, and the latest SIP time among its rows."""

    first: int
    end: int
    row_count: int
    sip_ns: int | None


def tick_batches(staged_df: DataFrame, stored_symbols: Iterable[str], rows_per_batch: int) -> list[TickBatch]:
    """The batches of `staged_df` (`ticker`, `sequence`, `sip_in_day`), in order, none of more rows.

    Every one of `stored_symbols` is in a batch too, so that it is seen when the file has it no longer.
    Larger ones are possible only where as many rows of a symbol share one sequence number.
    """
    counts = dict.fromkeys(stored_symbols, 0) | {
        row[0]: int(row[1]) for row in staged_df.groupBy("ticker").count().collect()
    }
    batches: list[TickBatch] = []
    for batch in symbol_batches(counts, rows_per_batch):
        if batch.row_count <= rows_per_batch:
            batches.append(batch)
        else:
            symbol_df = staged_df.filter(batch.contains("ticker", "sequence"))
            batches += _cut(batch, _buckets(symbol_df, rows_per_batch), rows_per_batch)
    return batches


def symbol_batches(counts: dict[str, int], rows_per_batch: int) -> list[TickBatch]:
    """Consecutive symbols packed together up to the bound; a symbol above it is alone."""
    batches: list[TickBatch] = []
    for symbol in sorted(counts):
        last = batches[-1] if batches else None
        if last and last.row_count + counts[symbol] <= rows_per_batch:
            together = last.row_count + counts[symbol]
            batches[-1] = replace(last, last_symbol=symbol, row_count=together)
        else:
            batches.append(TickBatch(symbol, symbol, counts[symbol]))
    return batches


def _cut(whole: TickBatch, buckets: Iterable[_Bucket], rows_per_batch: int) -> Iterator[TickBatch]:
    batch = replace(whole, row_count=0)
    latest: int | None = None
    for bucket in buckets:
        if batch.row_count and batch.row_count + bucket.row_count > rows_per_batch:
            yield replace(batch, end=bucket.first)
            batch = replace(whole, row_count=0, first=bucket.first, earlier_sip_ns=latest)
        batch = replace(batch, row_count=batch.row_count + bucket.row_count)
        latest = max(filter(None, (latest, bucket.sip_ns)), default=None)
    yield batch


def _buckets(symbol_df: DataFrame, rows_per_batch: int) -> Iterator[_Bucket]:
    """Buckets in order, divided again until each has no more rows than a batch may have."""
    least, greatest = symbol_df.agg(F.min("sequence"), F.max("sequence")).collect()[0]
    if least is None:
        return
    width = (int(greatest) - int(least)) // _BUCKETS + 1
    number = F.expr(f"(sequence - {int(least)}L) div {width}L")
    grouped_df = symbol_df.filter("sequence is not null").groupBy(number.alias("number"))
    rows = grouped_df.agg(F.count(F.lit(1)).alias("rows"), F.max("sip_in_day").alias("sip")).collect()
    for row in sorted(rows, key=lambda row: int(row["number"])):
        first = int(least) + int(row["number"]) * width
        if int(row["rows"]) > rows_per_batch and width > 1:
            inside = (F.col("sequence") >= first) & (F.col("sequence") < first + width)
            yield from _buckets(symbol_df.filter(inside), rows_per_batch)
        else:
            yield _Bucket(first, first + width, int(row["rows"]), row["sip"])
