"""Keeps what a run computes until the run ends, so that gate and table see the same rows."""

from pyspark.sql import DataFrame

from jobs.engine.table_io import stage
from jobs.runs.run_context import Workspace


def staged(work: Workspace, frame_df: DataFrame, name: str) -> DataFrame:
    """The frame, computed once; it takes the place of what the run staged before under that name."""
    return stage(frame_df.sparkSession, work.lake, frame_df, work.run_id, name)
