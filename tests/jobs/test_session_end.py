"""Sessions of the engine: what PySpark does with them that ours do not."""

import gc
from multiprocessing.pool import ThreadPool
from typing import cast

from pyspark.sql import SparkSession
from pyspark.sql.connect.client.core import SparkConnectClient
from pyspark.sql.connect.client.reattach import ExecutePlanResponseReattachableIterator as Answers

from config.settings import Settings
from delta_tables.storage.lake import Lake
from jobs.engine.session import engine_session


def test_a_session_that_ended_can_be_collected_by_a_thread_that_releases_results(spark: SparkSession) -> None:
    """PySpark's own collection of it would join these threads from one of them, and never come back."""
    with engine_session(Settings(), Lake("/nowhere")) as ended:
        assert ended.range(3).count() == 3
    assert spark.range(3).count() == 3  # the pool of threads is there again
    releasing = cast(ThreadPool, Answers._release_thread_pool)
    held = [ended]
    del ended

    def collect() -> None:
        held.clear()
        gc.collect()

    releasing.apply_async(collect).get(timeout=60)
    assert spark.range(3).count() == 3


def test_no_plan_is_written_out_for_a_log_that_is_off(spark: SparkSession) -> None:
    """PySpark has the method still; that of a session of ours says nothing where nobody listens."""
    assert "_proto_to_string" in vars(SparkConnectClient)
    assert spark.client._proto_to_string(None) == ""
