"""Silver quarantine: the invalid rows, each once, with the rules that they fail."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from delta_tables.tables.silver import QUARANTINE


def quarantine_rows(validated_df: DataFrame, stored_df: DataFrame, run_id: str) -> DataFrame:
    """Rows of silver.quarantine to merge: the validated rows that fail a rule.

    A faulty row arrives again with every delivery of its history. It is kept once, with the payload in which
    it was first received, whichever delivery is built first.

    Args:
        validated_df: provider, dataset, symbol, interval, position, raw_values, reasons, fetched_at,
            payload_id and is_simulated.
        stored_df: silver.quarantine.
        run_id: written into the rows.
    """
    invalid_df = validated_df.filter(F.size("reasons") > 0).select(
        *("provider", "dataset", "symbol"),
        F.coalesce("interval", F.lit("none")).alias("interval"),
        *("position", "raw_values", "reasons"),
        F.col("fetched_at").alias("first_seen_at"),
        *("payload_id", "is_simulated"),
    )
    same_df = stored_df.drop("run_id").join(
        invalid_df.select(*QUARANTINE.keys).distinct(), [*QUARANTINE.keys], "left_semi"
    )
    first = Window.partitionBy(*QUARANTINE.keys).orderBy("first_seen_at", "payload_id")
    all_df = invalid_df.unionByName(same_df).withColumn("rank", F.row_number().over(first))
    return QUARANTINE.conform(all_df.filter("rank = 1").drop("rank").withColumn("run_id", F.lit(run_id)))
