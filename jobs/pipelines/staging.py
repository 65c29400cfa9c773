"""Keeps what a run computes until it ends, so that the gate and the table see the same rows."""

from pyspark.sql import DataFrame

from jobs.engine.table_io import stage
from jobs.runs.run_context import RunContext


def staged(ctx: RunContext, frame_df: DataFrame, name: str) -> DataFrame:
    """The frame, computed once; it replaces what the run staged before under that name."""
    return stage(frame_df.sparkSession, ctx.lake, frame_df, ctx.run_id, name)
