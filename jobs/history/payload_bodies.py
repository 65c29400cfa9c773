"""Gives repeated payloads their body back: Bronze stores it once, with the first of the equal payloads."""

from datetime import UTC, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from delta_tables.storage.arrow_io import query_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import BODY_KEY, RAW_PAYLOADS

_BOUNDS = "SELECT min(body_fetched_at) AS first, max(body_fetched_at) AS last FROM stored WHERE "
BodyBounds = tuple[datetime, datetime] | None


def body_bounds(lake: Lake, fetched_since: datetime | None = None) -> BodyBounds:
    """When the first and the last of the bodies were fetched that payloads fetched since then repeat.

    None if no payload repeats a body.

    Raises:
        LakeError: Bronze cannot be read.
    """
    where = "body_fetched_at IS NOT NULL"
    if fetched_since is not None:
        where += f" AND fetched_at >= timestamp '{fetched_since.astimezone(UTC).isoformat()}'"
    rows = query_rows(lake, RAW_PAYLOADS, _BOUNDS + where)
    first, last = rows.to_pylist()[0].values() if rows is not None else (None, None)
    return (first, last) if first and last else None


def with_bodies(payloads_df: DataFrame, stored_df: DataFrame, bounds: BodyBounds) -> DataFrame:
    """The payloads, each with its body, and without the column body_fetched_at.

    Args:
        payloads_df: rows of bronze.raw_payloads.
        stored_df: all of bronze.raw_payloads.
        bounds: body_bounds() of these payloads, or of more.
    """
    if bounds is None:
        return payloads_df.drop("body_fetched_at")
    bodies_df = stored_df.filter(
        F.col("body_fetched_at").isNull() & F.col("fetched_at").between(*(F.lit(bound) for bound in bounds))
    ).select(*BODY_KEY, F.col("fetched_at").alias("body_fetched_at"), F.col("body").alias("stored_body"))
    found_df = payloads_df.join(bodies_df, [*BODY_KEY, "body_fetched_at"], "left")
    return found_df.withColumn("body", F.coalesce("stored_body", "body")).drop(
        "stored_body", "body_fetched_at"
    )
