"""Validates payloads so that those on which the engine fails do not stop the others."""

import re
from collections.abc import Callable, Mapping, Sequence

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from config.plain_links import with_own_paths
from delta_tables.tables.silver import ENGINE_ERROR
from jobs.parsing.raw_schema import PAYLOAD_COLUMNS
from jobs.pipelines.staging import staged
from jobs.runs.run_context import RunContext

# More failing payloads than this are not an accident of their provider: the build then fails as a whole.
MAX_FAILING = 25
_MAX_ERROR_CHARS = 500
Failures = Mapping[str, str]  # the engine's error by payload_id


class TooManyFailuresError(Exception):
    """More than MAX_FAILING payloads fail."""


def staged_rows(
    ctx: RunContext, payloads_df: DataFrame, validated: Callable[[DataFrame], DataFrame], name: str
) -> tuple[DataFrame, str | None]:
    """The validated rows of the payloads, staged under `name`, and which payloads the engine failed on.

    `validated` parses and validates payloads. A payload on which the engine fails gives one invalid row with
    ENGINE_ERROR; the text names it and the error. None if the engine fails on none.

    Raises:
        PySparkException: the engine fails, and no few payloads are at fault.
    """
    try:
        return staged(ctx, validated(payloads_df), name), None
    except PySparkException:
        failures = failing_payloads(payloads_df, lambda part_df: staged(ctx, validated(part_df), name))
        if not failures:
            raise
    good_df = validated(_without(payloads_df, failures))
    rows_df = good_df.unionByName(_failure_rows(payloads_df, failures, good_df))
    return staged(ctx, rows_df, name), _failure_texts(payloads_df, failures)


def failing_payloads(payloads_df: DataFrame, attempt: Callable[[DataFrame], object]) -> Failures:
    """The payloads on which `attempt` fails when each of them is alone, found by bisection.

    Empty if `attempt` fails without any payload or Bronze cannot be read (then the engine or the store is at
    fault), if no single payload makes it fail, or if more than MAX_FAILING do, or all of several (then our
    own code is).
    """
    if _error_of(attempt, payloads_df.limit(0)) or _error_of(_read, payloads_df):
        return {}
    ids = [row[0] for row in payloads_df.select("payload_id").distinct().orderBy("payload_id").collect()]
    found: dict[str, str] = {}
    try:
        _bisect(payloads_df, attempt, ids, found)
    except TooManyFailuresError:
        return {}
    return found if len(found) < max(len(ids), 2) else {}


def _read(payloads_df: DataFrame) -> object:
    return payloads_df.agg(F.sum(F.length("body"))).collect()


def _bisect(
    payloads_df: DataFrame,
    attempt: Callable[[DataFrame], object],
    ids: Sequence[str],
    found: dict[str, str],
) -> None:
    error = _error_of(attempt, payloads_df.filter(F.col("payload_id").isin(*ids)))
    if error is None:
        return
    if len(ids) == 1:
        found[ids[0]] = error
        if len(found) > MAX_FAILING:
            raise TooManyFailuresError
        return
    half = len(ids) // 2
    _bisect(payloads_df, attempt, ids[:half], found)
    _bisect(payloads_df, attempt, ids[half:], found)


def _error_of(attempt: Callable[[DataFrame], object], payloads_df: DataFrame) -> str | None:
    try:
        attempt(payloads_df)
    except PySparkException as error:
        return _cause_of(with_own_paths(str(error)))
    return None


def _cause_of(message: str) -> str:
    """The last cause that Apache Spark states, which comes after pages of its own stack; else the message."""
    causes = re.findall(r"^Caused by: (.+)$", message, re.MULTILINE)
    return " ".join((causes[-1] if causes else message).split())[:_MAX_ERROR_CHARS]


def _without(payloads_df: DataFrame, failures: Failures) -> DataFrame:
    """The payloads on which the engine does not fail."""
    return payloads_df.filter(~F.col("payload_id").isin(*failures))


def _failure_rows(payloads_df: DataFrame, failures: Failures, validated_df: DataFrame) -> DataFrame:
    """One invalid row per failing payload, with the columns of `validated_df`.

    `reasons` is ENGINE_ERROR, `raw_values` the error; columns that are not of the payload are null.
    """
    failing_df = payloads_df.filter(F.col("payload_id").isin(*failures))
    error = F.lit(None).cast("string")
    for payload_id, text in failures.items():
        error = F.when(F.col("payload_id") == payload_id, F.lit(text)).otherwise(error)
    known = {name: F.col(name) for name in PAYLOAD_COLUMNS} | {
        "position": F.lit("/"),
        "raw_values": error,
        "reasons": F.array(F.lit(ENGINE_ERROR)),
    }
    return failing_df.select(
        *(
            known.get(field.name, F.lit(None)).cast(field.dataType).alias(field.name)
            for field in validated_df.schema
        )
    )


def _failure_texts(payloads_df: DataFrame, failures: Failures) -> str:
    """Which payloads failed and why, for the record of the stage."""
    rows = payloads_df.filter(F.col("payload_id").isin(*failures)).select("payload_id", "dataset", "symbol")
    named = {row[0]: f"{row[1]} of {row[2]}" for row in rows.distinct().collect()}
    return "; ".join(
        f"the payload {payload_id} ({named.get(payload_id, 'unknown')}) is in the quarantine, because the "
        f"engine fails on it: {text}"
        for payload_id, text in sorted(failures.items())
    )
