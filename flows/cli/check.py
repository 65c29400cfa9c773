"""`lakehouse check`: the checks of each dataset against what is published."""

from collections.abc import Sequence

from deltalake.exceptions import TableNotFoundError
from pyspark.sql import DataFrame, SparkSession
from rich.console import Console

from config.load import ConfigError
from delta_tables.catalogue import ALL_TABLES
from delta_tables.create_tables import open_table
from delta_tables.lake import LakeError
from delta_tables.silver import BARS
from flows.cli.context import CliContext
from flows.workspace import CHECKS
from jobs.bars import stock_clean
from jobs.session import engine_session
from jobs.table_io import read_table
from quality.gate import GateResult, scan_batch

STOCK_CLEAN = "silver_stock_clean"
_TABLE_OF = {table.dataset: table for table in ALL_TABLES}


def check_tables(here: CliContext, datasets: Sequence[str]) -> list[GateResult]:
    """The verdict on each dataset; all that have a checks file where none is named.

    Raises:
        ConfigError: a dataset that there is not.
        LakeError: a lake that has not been filled, or a table that cannot be read.
    """
    chosen = list(datasets) or sorted(file.stem for file in CHECKS.glob("*.yml"))
    if unknown := [name for name in chosen if name not in _TABLE_OF and name != STOCK_CLEAN]:
        raise ConfigError(f"no dataset {unknown[0]!r}; there are {', '.join([*_TABLE_OF, STOCK_CLEAN])}")
    with engine_session(here.settings, here.lake) as spark:
        return [
            scan_batch(spark, _rows(spark, here, name), name, CHECKS / f"{name}.yml", here.now())
            for name in chosen
        ]


def print_results(console: Console, results: Sequence[GateResult]) -> None:
    """One line a dataset, and one for each check that did not pass."""
    for result in results:
        console.print(result.summary(), markup=False, soft_wrap=True)


def _rows(spark: SparkSession, here: CliContext, dataset: str) -> DataFrame:
    table = BARS if dataset == STOCK_CLEAN else _TABLE_OF[dataset]
    try:
        open_table(here.lake, table)
    except TableNotFoundError:
        raise LakeError(
            f"{here.lake.uri(table)}: no {table.full_name} here; fill the lake with `lakehouse run`"
        ) from None
    rows_df = read_table(spark, here.lake, table)
    return stock_clean(rows_df) if dataset == STOCK_CLEAN else rows_df
