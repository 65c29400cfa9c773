"""Which sessions a Gold run has to look at again, found from the Silver rows that changed."""

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.daily_kpis import DAY_KEYS


def changed_rows(silver_df: DataFrame, run_ids: Sequence[str] | None) -> DataFrame:
    """The rows that the given runs wrote or closed; all rows for None."""
    return silver_df if run_ids is None else silver_df.filter(F.col("run_id").isin(*run_ids))


def touched_days(changed_bars_df: DataFrame) -> DataFrame:
    """The symbol-sessions whose bars changed: DAY_KEYS and calendar."""
    return changed_bars_df.select(*DAY_KEYS, "calendar").distinct()


def with_changed_fundamentals(days_df: DataFrame, changed_fundamentals_df: DataFrame) -> DataFrame:
    """`days_df` with `is_touched` also true where the session ended after a fact about it changed."""
    since_df = changed_fundamentals_df.groupBy(F.col("symbol").alias("f_symbol")).agg(
        F.min("known_from").alias("f_since")
    )
    joined_df = days_df.join(F.broadcast(since_df), F.col("symbol") == F.col("f_symbol"), "left")
    is_later = F.coalesce(F.col("day_end_at") >= F.col("f_since"), F.lit(False))
    return joined_df.withColumn("is_touched", F.col("is_touched") | is_later).drop("f_symbol", "f_since")


def affected(days_df: DataFrame, window_sessions: int) -> DataFrame:
    """Adds `is_affected`: the session was touched, or one that a window of its figures reaches was."""
    reach = Window.partitionBy("symbol").orderBy("session_no").rangeBetween(-window_sessions, 0)
    # a sum slides along its window; a maximum is searched for again at each row
    return days_df.withColumn("is_affected", F.sum(F.col("is_touched").cast("int")).over(reach) > 0)
