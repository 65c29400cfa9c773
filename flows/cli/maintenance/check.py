"""`lakehouse check`: the checks of each dataset against what is published."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from deltalake.exceptions import TableNotFoundError
from pyspark.sql import DataFrame, SparkSession
from rich.console import Console

from config.load import ConfigError
from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.table import Table
from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.tables.gold import DAILY_KPIS
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import BARS, QUARANTINE
from delta_tables.views.views import IS_CURRENT_STOCK
from flows.cli.context import CliContext
from jobs.engine.session import engine_session
from jobs.engine.table_io import read_table
from jobs.runs.run_context import CHECKS
from jobs.runs.run_log import GOLD
from jobs.silver.bars import stock_clean
from quality.gate import GateResult, scan_batch
from serving.query.selected_rows import select

STOCK_CLEAN = "silver_stock_clean"
_TABLE_OF = {table.dataset: table for table in ALL_TABLES}
_ANY = "true"


@dataclass(frozen=True)
class Checked:
    """The results, and the datasets that are empty and may be."""

    results: tuple[GateResult, ...]
    empty: tuple[str, ...] = ()


def check_tables(cli: CliContext, datasets: Sequence[str]) -> Checked:
    """The result for each dataset; for all that have a checks file if none is named.

    If none is named, tables to which nothing was ever published are skipped: not every lake has ticks, news
    or corporate actions. So are a view without rows, and a quarantine or a table of differences with no rows
    left. A dataset that is named is always checked: it fails if it has no rows.

    Raises:
        ConfigError: there is no such dataset.
        LakeError: a lake that has not been filled, or a table that cannot be read.
    """
    selected = list(datasets) or sorted(file.stem for file in CHECKS.glob("*.yml"))
    if unknown := [name for name in selected if name not in _TABLE_OF and name != STOCK_CLEAN]:
        names = [*_TABLE_OF, STOCK_CLEAN]
        near = difflib.get_close_matches(unknown[0].replace(".", "_"), names, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
        raise ConfigError(f"no dataset {unknown[0]!r}; {hint}")
    empty = () if datasets else tuple(name for name in selected if _may_be_empty(cli.lake, name))
    if len(empty) == len(selected):
        raise LakeError(f"there are no rows to check in {cli.lake.root}; fill the lake with `lakehouse run`")
    checked = [name for name in selected if name not in empty]
    for name in checked:
        _require(cli.lake, _table_of(name))
    with engine_session(cli.settings, cli.lake) as spark:
        results = [
            scan_batch(
                spark,
                _rows(spark, cli, name),
                name,
                CHECKS / f"{name}.yml",
                cli.now(),
                _TABLE_OF[name].required_columns if name in _TABLE_OF else (),
            )
            for name in checked
        ]
    return Checked(tuple(results), empty)


def print_results(console: Console, checked: Checked) -> None:
    """One line per dataset, and one for each check that did not pass."""
    for result in checked.results:
        console.print(result.summary(), markup=False, soft_wrap=True)
    if checked.empty:
        names = ", ".join(checked.empty)
        console.print(f"without rows, so not checked: {names}", markup=False, soft_wrap=True)


def _table_of(dataset: str) -> Table:
    return BARS if dataset == STOCK_CLEAN else _TABLE_OF[dataset]


def _may_be_empty(lake: Lake, dataset: str) -> bool:
    """Whether the dataset has no rows, and nothing says that it should have any."""
    table = _table_of(dataset)
    where = IS_CURRENT_STOCK if dataset == STOCK_CLEAN else _ANY
    if select(lake, table, f"SELECT 1 AS found FROM stored WHERE {where} LIMIT 1"):  # noqa: S608 - our words
        return False
    return dataset == STOCK_CLEAN or not _was_filled(lake, table)


def _was_filled(lake: Lake, table: Table) -> bool:
    """Whether a run published rows that cannot have disappeared: Silver keeps replaced rows."""
    keeps_rows = table.layer == "silver" and table != QUARANTINE
    subjects = {DAILY_KPIS.full_name: GOLD} | ({table.full_name: table.full_name} if keeps_rows else {})
    if table.full_name not in subjects:
        return False
    published = f"subject = '{subjects[table.full_name]}' AND status = 'done' AND rows_out > 0"
    return bool(read_rows(lake, RUNS, ["run_id"], published).num_rows)


def _require(lake: Lake, table: Table) -> None:
    try:
        open_table(lake, table)
    except TableNotFoundError:
        raise LakeError(
            f"{lake.uri(table)}: no {table.full_name} here; fill the lake with `lakehouse run`"
        ) from None


def _rows(spark: SparkSession, cli: CliContext, dataset: str) -> DataFrame:
    rows_df = read_table(spark, cli.lake, _table_of(dataset))
    return stock_clean(rows_df) if dataset == STOCK_CLEAN else rows_df
