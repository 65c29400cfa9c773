"""Runs a parser written in plain Python over payloads, the same on every engine.

JSON numbers must keep their text: the embedded engine's from_json prints a double anew
(49573.123456789012 as 49573.123456789006), Apache Spark's in its own way. json.loads(parse_float=str)
keeps what was received.
"""

import sys
from collections.abc import Callable, Sequence

from pyspark import cloudpickle
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.parsing.raw_schema import PAYLOAD_COLUMNS

RawRow = tuple[str | None, ...]
BodyParser = Callable[[bytes, str, str | None], Sequence[RawRow]]


def parse_bodies(payloads_df: DataFrame, parse: BodyParser, columns: Sequence[str]) -> DataFrame:
    """One row for each tuple that `parse(body, symbol, interval)` gives: PAYLOAD_COLUMNS and `columns`.

    The tuples are texts in the order of `columns`; one of them may be `interval`, which then replaces the
    payload's. `parse` must give at least one tuple (of Nones, if nothing can be read), so that no payload
    vanishes, and must import the standard library only: it is sent to the engine's workers by value.
    """
    cloudpickle.register_pickle_by_value(sys.modules[parse.__module__])  # type: ignore[no-untyped-call]
    kind = "array<struct<" + ",".join(f"`{name}`:string" for name in columns) + ">>"
    row = F.udf(parse, kind)("body", "symbol", "interval")
    kept = [name for name in PAYLOAD_COLUMNS if name not in columns]
    exploded_df = payloads_df.select(*kept, F.explode(row).alias("texts"))
    return exploded_df.select(*kept, *(F.col(f"texts.`{name}`").alias(name) for name in columns))
