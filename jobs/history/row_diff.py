"""What to write where computed rows take the place of stored ones: only what differs, and what went."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from delta_tables.table import Table
from jobs.history.bitemporal import CHANGE_TYPE


def diff_rows(computed_df: DataFrame, stored_df: DataFrame, table: Table) -> DataFrame:
    """The table's columns and OPERATION: `upsert` for new and changed rows, `delete` for those gone.

    `stored_df` is the same part of the table as stored. Another run id
    alone does not make a row a changed one.
    """
    keys = list(table.keys)
    known_df = stored_df.select(
        *keys, F.struct(*(f"`{name}`" for name in table.value_columns)).alias("stored_values")
    )
    is_same = F.lit(True)
    for name in table.value_columns:
        is_same &= F.col(f"`{name}`").eqNullSafe(F.col(f"stored_values.`{name}`"))
    is_known = F.col("stored_values").isNotNull()
    changed_df = computed_df.join(known_df, keys, "left").filter(~(is_known & is_same))
    gone_df = stored_df.join(computed_df.select(*keys), keys, "left_anti")
    names = [f"`{name}`" for name in table.columns]
    return changed_df.select(*names, F.lit("upsert").alias(CHANGE_TYPE)).unionByName(
        gone_df.select(*names, F.lit("delete").alias(CHANGE_TYPE))
    )
