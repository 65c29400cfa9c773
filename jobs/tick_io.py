"""Appends rows where nothing is stored of their range of keys: ticks, what is computed from them, first bars.

Besides jobs/table_io.py the only writer of these tables.
"""

import secrets as random

from pyspark.sql import DataFrame

from delta_tables.lake import Lake
from delta_tables.table import Table
from jobs.bitemporal import OPERATION


def append_first(lake: Lake, table: Table, changes_df: DataFrame) -> None:
    """Publishes the first rows of a range of keys in one commit.

    Only where the caller has found nothing stored in the range: nothing can match there, and a MERGE would
    read all that is stored of the day to find that out, more with each batch.

    Rows are added once, however often the engine is asked: Spark Connect's client sends a plan again where
    the driver was restarted before it could answer, and Delta drops a commit whose txnAppId it has seen with
    this txnVersion. The id is new with each call, since the rows of a range that was emptied may come again;
    Delta's log keeps one entry (about 100 bytes) of each. The embedded engine (Sail 0.7.2) ignores both
    options, and ends with the process that asks it.
    """
    lake.require_writer()
    once = {"txnAppId": f"append_first/{random.token_hex(16)}", "txnVersion": "1"}
    rows_df = changes_df.drop(OPERATION)
    rows_df.write.format("delta").mode("append").options(**once).save(lake.uri(table))
