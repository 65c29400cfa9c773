"""Bitemporal history that does not depend on the order in which payloads arrive.

An observation states which values were received for a key at the instant `known_from`. The history of a
key is its observations ordered by known_from, without repeats of the same values; each row is valid until
the next one begins. When new observations arrive, this module computes the rows to upsert and to delete,
which one MERGE then publishes.
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, TimestampType

from delta_tables.table import Table

CHANGE_TYPE = "change_type"
IS_DELETED = "is_deleted"
_LINEAGE = ("known_from", "known_to", "payload_id", "position", "run_id")
_NOT_OBSERVED = ("known_to", "run_id")


def entity_keys(table: Table) -> tuple[str, ...]:
    """The business key of a bitemporal table: its keys without known_from."""
    return tuple(key for key in table.keys if key != "known_from")


def observed_rows(validated_df: DataFrame, table: Table) -> DataFrame:
    """The valid rows as observations: the table's columns without known_to and run_id.

    Args:
        validated_df: the table's value columns, payload_id, position, fetched_at (becomes known_from) and
            reasons (array of the rules that a row fails; rows that fail any are left out).
        table: a bitemporal table.
    """
    names = [name for name in table.columns if name not in {*_NOT_OBSERVED, "known_from"}]
    valid_df = validated_df.filter(F.size("reasons") == 0)
    return valid_df.select(*names, F.col("fetched_at").alias("known_from"))


def bitemporal_changes(observed_df: DataFrame, stored_df: DataFrame, table: Table, run_id: str) -> DataFrame:
    """The rows to write so that the table also contains the observations; no rows if nothing changes.

    If two observations of a key have the same known_from, the greater payload_id wins, then the greater
    values, so the result never depends on the order of arrival.

    Args:
        observed_df: the table's columns without known_to and run_id; optionally IS_DELETED (boolean), true
            if the key has no values from known_from on (see with_tombstones).
        stored_df: the table, or at least its rows that share a key with the observations.
        table: a bitemporal table.
        run_id: written into the rows.

    Returns:
        The table's columns and CHANGE_TYPE: `upsert` or `delete`.
    """
    entity = entity_keys(table)
    values = [name for name in table.value_columns if name not in _LINEAGE]
    same_entity_df = stored_df.join(observed_df.select(*entity).distinct(), list(entity), "left_semi")
    both_df = (
        _as_observations(observed_df, table, is_stored=False)
        .unionByName(_as_observations(same_entity_df, table, is_stored=True))
        .unionByName(_closed_intervals(same_entity_df, table))
    )
    winners_df = _one_per_instant(both_df.withColumn("fingerprint", _fingerprint(values)), entity)
    return _changes(_collapse_repeats(winners_df, entity), table, run_id)


def initial_rows(observed_df: DataFrame, table: Table, run_id: str) -> DataFrame:
    """The observations as new rows: the table's columns and CHANGE_TYPE `upsert`.

    Gives the same rows as bitemporal_changes if nothing is stored of these keys, no key occurs twice and no
    observation is a tombstone. It does without the windows over each key's history, which take most of the
    time of a first load.
    """
    rows_df = observed_df.withColumns(
        {"known_to": F.lit(None).cast("timestamp"), "run_id": F.lit(run_id), CHANGE_TYPE: F.lit("upsert")}
    )
    return rows_df.withColumns({name: _never_null(table, name) for name in table.keys}).select(
        *table.columns, CHANGE_TYPE
    )


def _never_null(table: Table, name: str) -> Column:
    """The key column, which is null in invalid rows only.

    The embedded engine (Sail 0.7.2) checks NOT NULL before it filters the invalid rows out, and would refuse
    the batch for a null that is not written.
    """
    kind = table.schema[name].dataType
    smallest = F.lit("1970-01-01" if isinstance(kind, DateType | TimestampType) else "0").cast(kind)
    return F.coalesce(F.col(name), smallest)


def has_repeated_keys(observed_df: DataFrame, table: Table) -> bool:
    """Whether a key has more than one observation, at any instants."""
    repeated_df = observed_df.groupBy(*entity_keys(table)).count().filter("count > 1")
    return bool(repeated_df.limit(1).collect())


def with_tombstones(
    observed_df: DataFrame, snapshots_df: DataFrame, stored_df: DataFrame, table: Table, scope: Sequence[str]
) -> DataFrame:
    """The observations, and a tombstone for each key that a complete delivery no longer contains.

    Args:
        observed_df: the table's columns without known_to and run_id; must contain all rows of the deliveries
            in `snapshots_df`.
        snapshots_df: one row per complete delivery (a day's file, a list of all splits of a symbol): the
            `scope` columns that it is complete for, known_from and payload_id.
        stored_df: stored rows of the table, with the keys of earlier deliveries.
        table: a bitemporal table.
        scope: columns of the table.

    Returns:
        The columns of `observed_df` and IS_DELETED (boolean); tombstones have null values.
    """
    entity = list(entity_keys(table))
    scoped = list(dict.fromkeys([*entity, *scope]))
    keys_df = observed_df.select(*scoped).unionByName(stored_df.select(*scoped)).distinct()
    absent_df = keys_df.join(snapshots_df.select(*scope, "known_from", "payload_id"), list(scope)).join(
        observed_df.select(*entity, "known_from"), [*entity, "known_from"], "left_anti"
    )
    given = {*scoped, "known_from", "payload_id"}
    tombstones_df = absent_df.select(
        *(
            F.col(field.name) if field.name in given else F.lit(None).cast(field.dataType).alias(field.name)
            for field in observed_df.schema
        ),
        F.lit(True).alias(IS_DELETED),
    )
    return observed_df.withColumn(IS_DELETED, F.lit(False)).unionByName(tombstones_df)


def _as_observations(frame_df: DataFrame, table: Table, *, is_stored: bool) -> DataFrame:
    names = [name for name in table.columns if name not in _NOT_OBSERVED]
    stored_to = F.col("known_to") if is_stored else F.lit(None).cast("timestamp")
    is_deleted = F.col(IS_DELETED) if IS_DELETED in frame_df.columns else F.lit(False)
    return frame_df.select(
        *names,
        stored_to.alias("stored_to"),
        F.lit(is_stored).alias("is_stored"),
        is_deleted.alias(IS_DELETED),
    )


def _closed_intervals(stored_df: DataFrame, table: Table) -> DataFrame:
    """A tombstone at the end of each closed stored row; any other observation of that instant wins."""
    names = [name for name in table.columns if name not in _NOT_OBSERVED]
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


def _collapse_repeats(winners_df: DataFrame, entity: Sequence[str]) -> DataFrame:
    """Adds is_repeat (same values as the row before) and known_to: the start of the next row that is none."""
    history = Window.partitionBy(*entity).orderBy("known_from")
    before = F.lag("fingerprint").over(history)
    marked_df = winners_df.withColumn("is_repeat", F.coalesce(before == F.col("fingerprint"), F.lit(False)))
    begins = F.when(~F.col("is_repeat"), F.col("known_from"))
    after = history.rowsBetween(1, Window.unboundedFollowing)
    return marked_df.withColumn("known_to", F.min(begins).over(after))


def _changes(history_df: DataFrame, table: Table, run_id: str) -> DataFrame:
    is_unchanged = F.col("is_stored") & F.col("known_to").eqNullSafe(F.col("stored_to"))
    is_obsolete = F.col("is_repeat") | F.col(IS_DELETED)
    change_type = F.when(is_obsolete & F.col("has_stored"), "delete").when(
        ~is_obsolete & ~is_unchanged, "upsert"
    )
    changed_df = history_df.withColumn(CHANGE_TYPE, change_type).filter(F.col(CHANGE_TYPE).isNotNull())
    frame_df = changed_df.withColumn("run_id", F.lit(run_id))
    return frame_df.select(*table.columns, CHANGE_TYPE)
