"""Silver quarantine: the rows that could not be used, each once, with the rules they break."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from delta_tables.tables.silver import QUARANTINE


def quarantine_rows(validated_df: DataFrame, stored_df: DataFrame, run_id: str) -> DataFrame:
    """The judged rows that break a rule, as rows of silver.quarantine to merge.

    The same faulty row comes again with every delivery of its history; it is kept once, with the
    payload it was first received in, whichever delivery is built first.
    """
    bad_df = validated_df.filter(F.size("reasons") > 0).select(
        *("provider", "dataset", "symbol"),
        F.coalesce("interval", F.lit("none")).alias("interval"),
        *("position", "raw_values", "reasons"),
        F.col("fetched_at").alias("first_seen_at"),
        *("payload_id", "is_simulated"),
    )
    stored = stored_df.drop("run_id").join(
        bad_df.select(*QUARANTINE.keys).distinct(), [*QUARANTINE.keys], "left_semi"
    )
    first = Window.partitionBy(*QUARANTINE.keys).orderBy("first_seen_at", "payload_id")
    all_df = bad_df.unionByName(stored).withColumn("rank", F.row_number().over(first))
    return QUARANTINE.conform(all_df.filter("rank = 1").drop("rank").withColumn("run_id", F.lit(run_id)))
