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

CHANGE_TYPE = "change_type"
IS_DELETED = "is_deleted"
_LINEAGE = ("known_from", "known_to", "payload_id", "position", "run_id")


def entity_keys(table: Table) -> tuple[str, ...]:
    """The key of a bitemporal table without the instant of knowledge."""
    return tuple(key for key in table.keys if key != "known_from")


def bitemporal_changes(observed_df: DataFrame, stored_df: DataFrame, table: Table, run_id: str) -> DataFrame:
    """The rows to write so that `stored_df` also knows `observed_df`: the table's columns and OPERATION.

    `observed_df` has the table's columns but known_to and run_id, and perhaps IS_GONE: true where the
    observation says that from known_from on there is nothing at this key (see with_withdrawals);
    `stored_df` is the table, or those of its rows that share a key with the observations. OPERATION is
    `upsert` or `delete`. Nothing comes out where nothing changes. Two observations of one key at one
    instant: the greater payload_id
    holds, then the greater values, so that the result never depends on the order of arrival.
    """
    entity = entity_keys(table)
    values = [name for name in table.value_columns if name not in _LINEAGE]
    same_entity_df = stored_df.join(observed_df.select(*entity).distinct(), list(entity), "left_semi")
    both_df = (
        _as_observations(observed_df, table, is_stored=False)
        .unionByName(_as_observations(same_entity_df, table, is_stored=True))
        .unionByName(_closed_intervals(same_entity_df, table))
    )
    winner_df = _one_per_instant(both_df.withColumn("fingerprint", _fingerprint(values)), entity)
    return _changes(_collapse_repeats(winner_df, entity), table, run_id)


def initial_rows(observed_df: DataFrame, table: Table, run_id: str) -> DataFrame:
    """The same as history_changes where nothing is stored and no key comes twice: every row is new.

    No observation may say IS_GONE.
    Without the windows over each key's history, which is what a first load would spend its time on.
    """
    rows_df = observed_df.withColumns(
        {"known_to": F.lit(None).cast("timestamp"), "run_id": F.lit(run_id), CHANGE_TYPE: F.lit("upsert")}
    )
    return rows_df.select(*table.columns, CHANGE_TYPE)


def has_repeated_keys(observed_df: DataFrame, table: Table) -> bool:
    """Whether there are two observations of one key, at whatever instants."""
    repeated_df = observed_df.groupBy(*entity_keys(table)).count().filter("count > 1")
    return bool(repeated_df.limit(1).collect())


def with_tombstones(
    observed_df: DataFrame, snapshots_df: DataFrame, stored_df: DataFrame, table: Table, scope: Sequence[str]
) -> DataFrame:
    """The observations, and one with IS_GONE for each key that a complete delivery no longer has.

    `snapshots_df`: the complete deliveries among the observations (a file of a day, a list of all splits
    of a symbol), one row each: the `scope` columns that it is complete for, known_from, payload_id. All
    rows of these deliveries must be in `observed_df`; `stored_df` has the keys of earlier ones.
    """
    entity = list(entity_keys(table))
    scoped = list(dict.fromkeys([*entity, *scope]))
    keys_df = observed_df.select(*scoped).unionByName(stored_df.select(*scoped)).distinct()
    absent_df = keys_df.join(snapshots_df.select(*scope, "known_from", "payload_id"), list(scope)).join(
        observed_df.select(*entity, "known_from"), [*entity, "known_from"], "left_anti"
    )
    given = {*scoped, "known_from", "payload_id"}
    gone_df = absent_df.select(
        *(
            F.col(field.name) if field.name in given else F.lit(None).cast(field.dataType).alias(field.name)
            for field in observed_df.schema
        ),
        F.lit(True).alias(IS_DELETED),
    )
    return observed_df.withColumn(IS_DELETED, F.lit(False)).unionByName(gone_df)


def _as_observations(frame_df: DataFrame, table: Table, *, is_stored: bool) -> DataFrame:
    names = [name for name in table.columns if name not in {"known_to", "run_id"}]
    stored_to = F.col("known_to") if is_stored else F.lit(None).cast("timestamp")
    is_deleted = F.col(IS_DELETED) if IS_DELETED in frame_df.columns else F.lit(False)
    return frame_df.select(
        *names,
        stored_to.alias("stored_to"),
        F.lit(is_stored).alias("is_stored"),
        is_deleted.alias(IS_DELETED),
    )


def _closed_intervals(stored_df: DataFrame, table: Table) -> DataFrame:
    """For each stored row that ended, the observation that it did; anything known at that instant wins."""
    names = [name for name in table.columns if name not in {"known_to", "run_id"}]
    kept = {*entity_keys(table)}
    columns = {
        name: F.col(name) if name in kept else F.lit(None).cast(table.schema[name].dataType) for name in names
    } | {"known_from": F.col("known_to"), "payload_id": F.lit("")}
    return stored_df.filter(F.col("known_to").isNotNull()).select(
        *(columns[name].alias(name) for name in names),
        F.lit(None).cast("timestamp").alias("stored_to"),
        F.lit(False).alias("is_stored"),
        F.lit(True).alias(IS_DELETED),
    )


def _fingerprint(values: Sequence[str]) -> Column:
    texts = (F.coalesce(F.col(name).cast("string"), F.lit("\x00")) for name in values)
    return F.when(F.col(IS_DELETED), F.lit("\x1e")).otherwise(F.concat_ws("\x1f", *texts))


def _one_per_instant(both_df: DataFrame, entity: Sequence[str]) -> DataFrame:
    instant = Window.partitionBy(*entity, "known_from")
    ranked = instant.orderBy(
        F.desc("payload_id"),
        F.asc(IS_DELETED),
        F.desc("fingerprint"),
        F.desc("position"),
        F.desc("is_stored"),
    )
    return (
        both_df.withColumn("has_stored", F.max("is_stored").over(instant))
        .withColumn("stored_to", F.max("stored_to").over(instant))
        .withColumn("rank", F.row_number().over(ranked))
        .filter("rank = 1")
    )


def _collapse_repeats(winner_df: DataFrame, entity: Sequence[str]) -> DataFrame:
    history = Window.partitionBy(*entity).orderBy("known_from")
    before = F.lag("fingerprint").over(history)
    marked_df = winner_df.withColumn("is_repeat", F.coalesce(before == F.col("fingerprint"), F.lit(False)))
    begins = F.when(~F.col("is_repeat"), F.col("known_from"))
    after = history.rowsBetween(1, Window.unboundedFollowing)
    return marked_df.withColumn("known_to", F.min(begins).over(after))


def _changes(runs_df: DataFrame, table: Table, run_id: str) -> DataFrame:
    is_unchanged = F.col("is_stored") & F.col("known_to").eqNullSafe(F.col("stored_to"))
    holds_nothing = F.col("is_repeat") | F.col(IS_DELETED)
    change_type = F.when(holds_nothing & F.col("has_stored"), "delete").when(
        ~holds_nothing & ~is_unchanged, "upsert"
    )
    changed_df = runs_df.withColumn(CHANGE_TYPE, change_type).filter(F.col(CHANGE_TYPE).isNotNull())
    frame_df = changed_df.withColumn("run_id", F.lit(run_id))
    return frame_df.select(*table.columns, CHANGE_TYPE)
