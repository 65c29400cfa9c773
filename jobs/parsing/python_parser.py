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

from jobs.parsing import body_text, json_values
from jobs.parsing.body_text import MAX_ROWS
from jobs.parsing.json_values import RawRow
from jobs.parsing.raw_schema import PAYLOAD_COLUMNS

BodyParser = Callable[[bytes, str, str | None], Sequence[RawRow]]
_MAX_CELL_CHARS = 100_000
_MAX_ERROR_CHARS = 200


def parse_bodies(payloads_df: DataFrame, parse: BodyParser, columns: Sequence[str]) -> DataFrame:
    """One row per tuple that `parse(body, symbol, interval)` returns: PAYLOAD_COLUMNS and `columns`.

    Args:
        payloads_df: PAYLOAD_COLUMNS and body (binary).
        parse: returns tuples of strings in the order of `columns`; at least one per payload (of Nones if
            nothing is readable), so that no payload disappears. Its module may import the standard library
            json_values and body_text only: it is sent to the engine's workers by value.
        columns: names of the columns, all strings; a column `symbol` or `interval` replaces the payload's.
    """
    for module in (sys.modules[parse.__module__], json_values, body_text, sys.modules[__name__]):
        cloudpickle.register_pickle_by_value(module)  # type: ignore[no-untyped-call]
    kind = "array<struct<" + ",".join(f"`{name}`:string" for name in columns) + ">>"
    rows = F.udf(_guarded(parse, columns), kind)("body", "symbol", "interval")
    kept = [name for name in PAYLOAD_COLUMNS if name not in columns]
    exploded_df = payloads_df.select(*kept, F.explode(rows).alias("raw"))
    return exploded_df.select(*kept, *(F.col(f"raw.`{name}`").alias(name) for name in columns))


def _guarded(parse: BodyParser, columns: Sequence[str]) -> BodyParser:
    """The parser, which does not raise, and whose rows and cells are bounded and can be encoded."""
    names = tuple(columns)

    def unreadable(symbol: str, error: str) -> list[RawRow]:
        # a payload's own symbol identifies the row in the quarantine
        fields = {"position": f"/ {error}"[:_MAX_ERROR_CHARS], "symbol": symbol}
        return [tuple(fields.get(name) for name in names)]

    def guarded(body: bytes, symbol: str, interval: str | None) -> Sequence[RawRow]:
        try:
            rows = parse(body, symbol, interval)
        except Exception as error:  # whatever a body does to a parser must not stop the other payloads
            return unreadable(symbol, f"{type(error).__name__}: {error}")
        if len(rows) > MAX_ROWS:
            return unreadable(symbol, f"{len(rows)} rows, of which at most {MAX_ROWS} are read per payload")
        return [row if _is_plain(row) else tuple(map(_encodable, row)) for row in rows]

    return guarded


def _is_plain(row: RawRow) -> bool:
    return all(cell is None or (len(cell) <= _MAX_CELL_CHARS and cell.isascii()) for cell in row)


def _encodable(cell: str | None) -> str | None:
    """The cell without lone surrogates, which no engine can hold, and cut to a bounded length."""
    return None if cell is None else cell[:_MAX_CELL_CHARS].encode("utf-8", errors="replace").decode()
