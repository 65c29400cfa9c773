"""Runs a parser written in plain Python over payloads, with the same result on every engine.

JSON numbers must keep their digits: the embedded engine's from_json prints a double again (49573.123456789012
becomes 49573.123456789006), Apache Spark's in a different way. json.loads(parse_float=str) keeps what was
received.
"""

import sys
from collections.abc import Callable, Sequence

from pyspark import cloudpickle
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.parsing import json_values
from jobs.parsing.json_values import RawRow
from jobs.parsing.raw_schema import PAYLOAD_COLUMNS

BodyParser = Callable[[bytes, str, str | None], Sequence[RawRow]]


def parse_bodies(payloads_df: DataFrame, parse: BodyParser, columns: Sequence[str]) -> DataFrame:
    """One row per tuple that `parse(body, symbol, interval)` returns: PAYLOAD_COLUMNS and `columns`.

    Args:
        payloads_df: PAYLOAD_COLUMNS and body (binary).
        parse: returns tuples of strings in the order of `columns`; at least one per payload (of Nones if
            nothing is readable), so that no payload disappears. Its module may import the standard library
            and json_values only: it is sent to the engine's workers by value.
        columns: names of the columns, all strings; a column `symbol` or `interval` replaces the payload's.
    """
    for module in (sys.modules[parse.__module__], json_values):
        cloudpickle.register_pickle_by_value(module)  # type: ignore[no-untyped-call]
    kind = "array<struct<" + ",".join(f"`{name}`:string" for name in columns) + ">>"
    rows = F.udf(parse, kind)("body", "symbol", "interval")
    kept = [name for name in PAYLOAD_COLUMNS if name not in columns]
    exploded_df = payloads_df.select(*kept, F.explode(rows).alias("raw"))
    return exploded_df.select(*kept, *(F.col(f"raw.`{name}`").alias(name) for name in columns))
