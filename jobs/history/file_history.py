"""Changes that one version of a flat file makes to the stored history of its day, for bars and ticks."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from delta_tables.table import Table
from delta_tables.tables.column_types import KNOWN
from jobs.history.bitemporal import (
    bitemporal_changes,
    entity_keys,
    has_repeated_keys,
    initial_rows,
    observed_rows,
    with_tombstones,
)
from jobs.parsing.flat_files import FlatFile

_COMPLETE_FOR = ("provider", "trade_dt")
_SNAPSHOT = "provider string, trade_dt date, known_from timestamp, payload_id string"
_KNOWN = {field.name for field in KNOWN}


def rows_of_changed_keys(
    validated_df: DataFrame, stored_df: DataFrame, table: Table
) -> tuple[DataFrame, DataFrame]:
    """The observations and the stored rows of the keys that can change; nearly none for a republished file.

    Leaves out each key that occurs once in the file with the values that are current already.

    Args:
        validated_df: rows as for bitemporal.observed_rows.
        stored_df: the stored rows of the same range of keys and the same universe.
        table: silver.bars or a table of ticks.

    Returns:
        Two frames: the table's columns without known_to and run_id, and the table's columns.
    """
    entity = list(entity_keys(table))
    observed_df = observed_rows(validated_df, table)
    unchanged_df = _unchanged_keys(observed_df, stored_df, table)
    return (
        observed_df.join(unchanged_df, entity, "left_anti"),
        stored_df.join(unchanged_df, entity, "left_anti"),
    )


def file_changes(
    observed_df: DataFrame,
    stored_df: DataFrame,
    validated_df: DataFrame,
    file: FlatFile,
    table: Table,
    run_id: str,
) -> DataFrame:
    """The rows to write for a file: the table's columns and CHANGE_TYPE, see bitemporal.bitemporal_changes.

    A file is complete for its day: a row of an earlier version that this version no longer contains is
    closed, unless this version contains its key in a row that fails a rule; then the stored row stays.

    Args:
        observed_df: observations, from rows_of_changed_keys or bitemporal.observed_rows.
        stored_df: stored rows of the same keys.
        validated_df: all rows of the file in this range of keys: the table's business key and reasons (array
            of the rules that a row fails).
        file: the file; gives provider, trade_dt, known_from and payload_id of the snapshot.
        table: silver.bars or a table of ticks.
        run_id: written into the rows.
    """
    entity = list(entity_keys(table))
    invalid_df = validated_df.filter(F.size("reasons") > 0).select(*entity).distinct()
    replaceable_df = stored_df.join(invalid_df, entity, "left_anti")
    version = [(file.provider, file.file_dt, file.fetched_at, file.file_id)]
    snapshots_df = validated_df.sparkSession.createDataFrame(version, _SNAPSHOT)
    all_df = with_tombstones(observed_df, snapshots_df, replaceable_df, table, _COMPLETE_FOR)
    return bitemporal_changes(all_df, stored_df, table, run_id)


def initial_file_rows(validated_df: DataFrame, table: Table, run_id: str) -> DataFrame:
    """The file's valid rows as new rows: the table's columns and CHANGE_TYPE `upsert`.

    Only for a range of keys of which nothing is stored and no key occurs twice, see bitemporal.initial_rows.
    `validated_df`: rows as for bitemporal.observed_rows.
    """
    return initial_rows(observed_rows(validated_df, table), table, run_id)


def has_repeated_file_keys(validated_df: DataFrame, table: Table) -> bool:
    """Whether a key occurs more than once among the file's valid rows."""
    return has_repeated_keys(observed_rows(validated_df, table), table)


def _unchanged_keys(observed_df: DataFrame, stored_df: DataFrame, table: Table) -> DataFrame:
    """The keys that occur once in the file, with the values that are current already."""
    entity = list(entity_keys(table))
    once_df = observed_df.groupBy(*entity).count().filter("count = 1").select(*entity)
    values = [name for name in table.value_columns if name not in _KNOWN]
    current_df = stored_df.filter("known_to is null").select(
        *entity, *(F.col(name).alias(f"stored_{name}") for name in (*values, "known_from"))
    )
    is_same = F.col("stored_known_from") <= F.col("known_from")
    for name in values:
        is_same &= F.col(name).eqNullSafe(F.col(f"stored_{name}"))
    same_df = observed_df.join(current_df, entity).filter(is_same).select(*entity)
    return same_df.join(once_df, entity, "left_semi")
