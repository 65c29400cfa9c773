"""What the judged ticks of a file change in the stored history of their day."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from delta_tables.table import Table
from delta_tables.tables.column_types import KNOWN
from jobs.history.bitemporal import (
    bitemporal_changes,
    entity_keys,
    has_repeated_keys,
    initial_rows,
    with_tombstones,
)
from jobs.parsing.flat_files import FlatFile

_COMPLETE_FOR = ("provider", "trade_dt")
_SNAPSHOT = "provider string, trade_dt date, known_from timestamp, payload_id string"
_KNOWN = {field.name for field in KNOWN}
_NOT_OBSERVED = ("known_from", "known_to", "run_id")


def observed_file_rows(validated_df: DataFrame, table: Table) -> DataFrame:
    """The usable rows as observations: the table's columns but known_to and run_id."""
    names = [name for name in table.columns if name not in _NOT_OBSERVED]
    usable_df = validated_df.filter(F.size("reasons") == 0)
    return usable_df.select(*names, F.col("fetched_at").alias("known_from"))


def rows_of_changed_keys(
    validated_df: DataFrame, stored_df: DataFrame, table: Table
) -> tuple[DataFrame, DataFrame]:
    """The observations and the stored rows that can change each other; of a republished file nearly none.

    Left out are the keys of which the file says, once, what is known already. `stored_df` is the same range
    as stored, of the same universe.
    """
    entity = list(entity_keys(table))
    observed_df = observed_file_rows(validated_df, table)
    settled_df = _unchanged_keys(observed_df, stored_df, table)
    return (
        observed_df.join(settled_df, entity, "left_anti"),
        stored_df.join(settled_df, entity, "left_anti"),
    )


def file_changes(
    observed_df: DataFrame,
    stored_df: DataFrame,
    validated_df: DataFrame,
    file: FlatFile,
    table: Table,
    run_id: str,
) -> DataFrame:
    """What a file's rows change; `observed_df` and `stored_df` as `rows_of_changed_keys` gives them.

    A file is complete for its day: a tick of an earlier version that the later one no longer has is closed.
    Not where the later one has it in a row that cannot be read: what was known of it stays.
    """
    entity = list(entity_keys(table))
    unreadable_df = validated_df.filter(F.size("reasons") > 0).select(*entity).distinct()
    readable_df = stored_df.join(unreadable_df, entity, "left_anti")
    version = [(file.provider, file.file_dt, file.fetched_at, file.file_id)]
    snapshots_df = validated_df.sparkSession.createDataFrame(version, _SNAPSHOT)
    all_df = with_tombstones(observed_df, snapshots_df, readable_df, table, _COMPLETE_FOR)
    return bitemporal_changes(all_df, stored_df, table, run_id)


def _unchanged_keys(observed_df: DataFrame, stored_df: DataFrame, table: Table) -> DataFrame:
    """The keys of which the file says, once, what is known already."""
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


def initial_file_rows(validated_df: DataFrame, table: Table, run_id: str) -> DataFrame:
    """The same where nothing of the range is stored and no key comes twice; see bitemporal.first_rows."""
    return initial_rows(observed_file_rows(validated_df, table), table, run_id)


def has_repeated_file_keys(validated_df: DataFrame, table: Table) -> bool:
    """Whether a key comes twice among the usable rows."""
    return has_repeated_keys(observed_file_rows(validated_df, table), table)
