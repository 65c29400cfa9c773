"""History that does not depend on the order in which it was learned.

An observation says: at `known_from` these values were received for this key. The history of a key is
its observations in order of knowledge, repeats of the same values dropped; each row holds until the
next one begins. What changes in a table when observations arrive is worked out here, as rows to
upsert and rows to delete, so that one MERGE can publish it.
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from delta_tables.table import Table

OPERATION = "operation"
_LINEAGE = ("known_from", "known_to", "payload_id", "position", "run_id")


def entity_keys(table: Table) -> tuple[str, ...]:
    """The key of a bitemporal table without the instant of knowledge."""
    return tuple(key for key in table.keys if key != "known_from")


def history_changes(observed_df: DataFrame, stored_df: DataFrame, table: Table, run_id: str) -> DataFrame:
    """The rows to write so that `stored_df` also knows `observed_df`: the table's columns and OPERATION.

    `observed_df` has the table's columns but known_to and run_id; `stored_df` is the table, or those of
    its rows that share a key with the observations. OPERATION is `upsert` or `delete`. Nothing comes
    out where nothing changes. Two observations of one key at one instant: the greater payload_id
    holds, then the greater values, so that the result never depends on the order of arrival.
    """
    entity = entity_keys(table)
    values = [name for name in table.value_columns if name not in _LINEAGE]
    same_entity_df = stored_df.join(observed_df.select(*entity).distinct(), list(entity), "left_semi")
    both_df = _as_observations(observed_df, table, is_stored=False).unionByName(
        _as_observations(same_entity_df, table, is_stored=True)
    )
    winner_df = _one_per_instant(both_df.withColumn("fingerprint", _fingerprint(values)), entity)
    return _changes(_runs(winner_df, entity), table, run_id)


def _as_observations(frame_df: DataFrame, table: Table, *, is_stored: bool) -> DataFrame:
    names = [name for name in table.columns if name not in {"known_to", "run_id"}]
    stored_to = F.col("known_to") if is_stored else F.lit(None).cast("timestamp")
    return frame_df.select(*names, stored_to.alias("stored_to"), F.lit(is_stored).alias("is_stored"))


def _fingerprint(values: Sequence[str]) -> Column:
    return F.concat_ws("\x1f", *(F.coalesce(F.col(name).cast("string"), F.lit("\x00")) for name in values))


def _one_per_instant(both_df: DataFrame, entity: Sequence[str]) -> DataFrame:
    instant = Window.partitionBy(*entity, "known_from")
    ranked = instant.orderBy(
        F.desc("payload_id"), F.desc("fingerprint"), F.desc("position"), F.desc("is_stored")
    )
    return (
        both_df.withColumn("has_stored", F.max("is_stored").over(instant))
        .withColumn("stored_to", F.max("stored_to").over(instant))
        .withColumn("rank", F.row_number().over(ranked))
        .filter("rank = 1")
    )


def _runs(winner_df: DataFrame, entity: Sequence[str]) -> DataFrame:
    history = Window.partitionBy(*entity).orderBy("known_from")
    before = F.lag("fingerprint").over(history)
    marked_df = winner_df.withColumn("is_repeat", F.coalesce(before == F.col("fingerprint"), F.lit(False)))
    begins = F.when(~F.col("is_repeat"), F.col("known_from"))
    after = history.rowsBetween(1, Window.unboundedFollowing)
    return marked_df.withColumn("known_to", F.min(begins).over(after))


def _changes(runs_df: DataFrame, table: Table, run_id: str) -> DataFrame:
    is_unchanged = F.col("is_stored") & F.col("known_to").eqNullSafe(F.col("stored_to"))
    operation = F.when(F.col("is_repeat") & F.col("has_stored"), "delete").when(
        ~F.col("is_repeat") & ~is_unchanged, "upsert"
    )
    changed_df = runs_df.withColumn(OPERATION, operation).filter(F.col(OPERATION).isNotNull())
    frame_df = changed_df.withColumn("run_id", F.lit(run_id))
    return frame_df.select(*table.columns, OPERATION)
