"""Batches of a day of ticks with a bounded number of rows, whatever the size of the file.

A batch is a range of symbols; a symbol larger than the bound is cut into ranges of its sequence numbers,
which are ordered by time. Both are part of the key, so a row of another version of the same day is always in
the range that contains its key, and each range can be compared with the same range as stored.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_BUCKETS = 256


@dataclass(frozen=True)
class TickBatch:
    """The symbols from `first_symbol` to `last_symbol`, or one symbol's sequence numbers in [first, end).

    `first` or `end` None: unbounded. `earlier_sip_ns` is the latest SIP time of lower sequence numbers.
    """

    first_symbol: str
    last_symbol: str
    row_count: int
    first: int | None = None
    end: int | None = None
    earlier_sip_ns: int | None = None

    def contains_symbol(self, symbol: str) -> Column:
        """Whether a row belongs to one of the batch's symbols; `symbol` is the name of the column."""
        return F.col(symbol).between(F.lit(self.first_symbol), F.lit(self.last_symbol))

    def contains(self, symbol: str, sequence: str) -> Column:
        """Whether a row belongs to this batch; `symbol` and `sequence` are the names of the columns.

        A row with an unreadable sequence number belongs to the symbol's first batch.
        """
        is_in_batch = self.contains_symbol(symbol)
        if self.first is not None:
            is_in_batch &= F.col(sequence) >= self.first
        if self.end is not None:
            below = F.col(sequence) < self.end
            is_in_batch &= below if self.first is not None else below | F.col(sequence).isNull()
        return is_in_batch


@dataclass(frozen=True)
class _Bucket:
    """Consecutive sequence numbers of one symbol, and the latest SIP time among its rows."""

    first: int
    end: int
    row_count: int
    sip_ns: int | None


def tick_batches(staged_df: DataFrame, stored_symbols: Iterable[str], rows_per_batch: int) -> list[TickBatch]:
    """The batches of a file's rows, in order, each with at most `rows_per_batch` rows.

    A batch is larger only if more rows of a symbol share one sequence number.

    Args:
        staged_df: ticker, sequence and sip_in_day, from tick_rules.with_batch_columns.
        stored_symbols: symbols that are stored for the day; each is in a batch, so that rows which the file
            no longer contains are noticed.
        rows_per_batch: the bound.
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
    """Batches of consecutive symbols up to the bound; a symbol with more rows is a batch of its own."""
    batches: list[TickBatch] = []
    for symbol in sorted(counts):
        last = batches[-1] if batches else None
        if last and last.row_count + counts[symbol] <= rows_per_batch:
            row_count = last.row_count + counts[symbol]
            batches[-1] = replace(last, last_symbol=symbol, row_count=row_count)
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
    """Ranges of sequence numbers in order, divided until none has more rows than the bound."""
    smallest, greatest = symbol_df.agg(F.min("sequence"), F.max("sequence")).collect()[0]
    if smallest is None:
        return
    width = (int(greatest) - int(smallest)) // _BUCKETS + 1
    number = F.expr(f"(sequence - {int(smallest)}L) div {width}L")
    grouped_df = symbol_df.filter("sequence is not null").groupBy(number.alias("number"))
    rows = grouped_df.agg(F.count(F.lit(1)).alias("rows"), F.max("sip_in_day").alias("sip")).collect()
    for row in sorted(rows, key=lambda row: int(row["number"])):
        first = int(smallest) + int(row["number"]) * width
        if int(row["rows"]) > rows_per_batch and width > 1:
            inside = (F.col("sequence") >= first) & (F.col("sequence") < first + width)
            yield from _buckets(symbol_df.filter(inside), rows_per_batch)
        else:
            yield _Bucket(first, first + width, int(row["rows"]), row["sip"])
