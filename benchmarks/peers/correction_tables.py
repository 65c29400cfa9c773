"""What the peers correct: the tables of the daily history, and the payload that corrects one bar."""

from pathlib import Path

from benchmarks.lakes import copy_tables

DELIVERY = "correction.json"
POLARS, DUCKDB = "polars", "duckdb"


def lay_polars(inputs: Path, folder: Path) -> None:
    """A copy of the Delta tables that delta-rs and Polars made, to be changed."""
    copy_tables(inputs / POLARS, folder)


def lay_duckdb(inputs: Path, folder: Path) -> None:
    """A copy of the Parquet files that DuckDB made, to be replaced."""
    copy_tables(inputs / DUCKDB, folder)
