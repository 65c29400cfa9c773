"""Appends ticks, and what is computed from them, where nothing is stored yet.

Besides jobs/table_io.py the only writer of these tables.
"""

from pyspark.sql import DataFrame

from delta_tables.lake import Lake
from delta_tables.table import Table
from jobs.bitemporal import OPERATION


def append_first(lake: Lake, table: Table, changes_df: DataFrame) -> None:
    """Publishes the first rows of a range of keys in one commit.

    Only where the caller has found nothing stored in the range: nothing can match there, and a MERGE would
    read all that is stored of the day to find that out, more with each batch.
    """
    lake.require_writer()
    changes_df.drop(OPERATION).write.format("delta").mode("append").save(lake.uri(table))
