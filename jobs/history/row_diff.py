"""The difference between computed and stored rows, as upserts and deletes."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from delta_tables.table import Table
from jobs.history.bitemporal import CHANGE_TYPE


def diff_rows(computed_df: DataFrame, stored_df: DataFrame, table: Table) -> DataFrame:
    """The rows that turn the stored rows into the computed ones; no rows if they are equal.

    A row counts as changed only if a value column differs: a different run_id alone does not count.

    Args:
        computed_df: the table's columns.
        stored_df: the same part of the table as stored.
        table: the table.

    Returns:
        The table's columns and CHANGE_TYPE: `upsert` for new and changed rows, `delete` for removed ones.
    """
    keys = list(table.keys)
    stored_values_df = stored_df.select(
        *keys, F.struct(*(f"`{name}`" for name in table.value_columns)).alias("stored_values")
    )
    is_same = F.lit(True)
    for name in table.value_columns:
        is_same &= F.col(f"`{name}`").eqNullSafe(F.col(f"stored_values.`{name}`"))
    is_stored = F.col("stored_values").isNotNull()
    changed_df = computed_df.join(stored_values_df, keys, "left").filter(~(is_stored & is_same))
    removed_df = stored_df.join(computed_df.select(*keys), keys, "left_anti")
    names = [f"`{name}`" for name in table.columns]
    return changed_df.select(*names, F.lit("upsert").alias(CHANGE_TYPE)).unionByName(
        removed_df.select(*names, F.lit("delete").alias(CHANGE_TYPE))
    )
