"""What judging old payloads anew changes: after a parser or a rule was mended, from Bronze alone."""

from collections.abc import Collection

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from delta_tables.table import Table
from jobs.bitemporal import OPERATION


def payloads_of(
    payloads_df: DataFrame, providers: Collection[str] = (), symbols: Collection[str] = ()
) -> DataFrame:
    """The payloads of these providers and symbols; an empty collection means all."""
    chosen_df = payloads_df
    if providers:
        chosen_df = chosen_df.filter(F.col("provider").isin(*providers))
    return chosen_df.filter(F.col("symbol").isin(*symbols)) if symbols else chosen_df


def replacing_changes(fresh_df: DataFrame, stored_df: DataFrame, table: Table) -> DataFrame:
    """The rows to write so that the table holds `fresh_df` in place of `stored_df`: columns and OPERATION.

    `fresh_df`: what the payloads give now; `stored_df`: the table's rows that came from them before.
    Rows whose content is equal are left alone, whichever run wrote them; what is no longer given is
    deleted: it was never true, a reading of the payload had been wrong.
    """
    keys = list(table.keys)
    compared = [name for name in table.content_columns if name not in table.keys]
    before_df = stored_df.select(*keys, *(F.col(name).alias(f"b_{name}") for name in compared))
    is_equal = F.lit(True)
    for name in compared:
        is_equal &= F.col(name).eqNullSafe(F.col(f"b_{name}"))
    known_df = before_df.withColumn("is_stored", F.lit(True))
    joined_df = fresh_df.join(known_df, keys, "left")
    changed_df = joined_df.filter(~(F.coalesce("is_stored", F.lit(False)) & is_equal))
    gone_df = stored_df.join(fresh_df.select(*keys), keys, "left_anti")
    return (
        changed_df.select(*table.columns)
        .withColumn(OPERATION, F.lit("upsert"))
        .unionByName(gone_df.select(*table.columns).withColumn(OPERATION, F.lit("delete")))
    )
