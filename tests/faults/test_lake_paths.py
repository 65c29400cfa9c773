"""A lake, state and settings in folders with any characters give the rows of those in a plain folder."""

import gzip
import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.storage.arrow_io import append_rows, read_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.gold import SIGNALS
from flows.simulator.server import Simulator
from jobs.engine.table_io import append_first, merge_rows, read_table, stage
from jobs.parsing.flat_files import COLUMNS_OF, DAY_BARS, FlatFile, read_flat_file
from serving.read import open_reader
from serving.sql.catalog import register_tables
from tests.builders.command_line import Cli
from tests.builders.installation import install
from tests.builders.lakes import hashes
from tests.builders.payloads import T0
from tests.builders.processes import start_command
from tests.builders.sample_lake import signal

CHARACTERS = " é日#?%{}*\"<>`'$&+,:;=@~!()"
AWKWARD = "a é日本#?%{}*b 100% {x,y} \"q\" 'q' <>`$HOME;& ~"
BACKFILL = ("backfill", "--from=2010-08-02", "--to=2010-08-13", "--dataset=daily")
Record = Callable[[str, object], None]


@pytest.mark.usefixtures("environment", "still_clock")
def test_every_command_in_folders_with_any_characters(
    cli: Cli, simulator: Simulator, tmp_path: Path, record_property: Record
) -> None:
    plain = install(tmp_path / "plain", simulator.url)
    here = install(tmp_path / AWKWARD, simulator.url)
    export = tmp_path / AWKWARD / "export"
    commands = (
        BACKFILL,
        ("run",),
        ("build",),
        ("replay", "--symbol=AAPL"),
        ("sql", "select count(*) from silver.bars"),
        ("export", "silver.bars", "--to", str(export)),
        ("maintain",),
        ("doctor",),
        ("status",),
        ("check",),
        ("report",),
        ("bars", "AAPL"),
        ("plan",),
        ("breaks",),
        ("rebuild-gold",),
        ("explain", "silver.bars", "symbol=AAPL", "trade_dt=2010-08-13", "interval=1day"),
    )
    for command in commands:
        ended = cli("--config", here.config, *command)
        assert ended.code == 0, (command, ended.error)
        assert "lakehouse-links" not in ended.out + ended.error
    assert list(export.rglob("*.parquet"))
    assert (here.folder / "state").is_dir()
    for command in commands[:2]:
        assert cli("--config", plain.config, *command).code == 0
    found = hashes(here.lake)
    assert found == hashes(plain.lake)
    (found_bars, wanted_bars) = (open_reader(at.lake.root).bars("AAPL").arrow() for at in (here, plain))
    assert found_bars.num_rows == wanted_bars.num_rows > 0
    record_property("happened", f"{len(commands)} commands ended with 0, {len(found)} tables are equal")


@pytest.mark.usefixtures("environment")
def test_processes_at_once_share_a_link(
    simulator: Simulator, filled: Path, tmp_path: Path, record_property: Record
) -> None:
    here = install(tmp_path / AWKWARD, simulator.url)
    shutil.copytree(filled, here.lake.root)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    query = ("sql", "select count(*) from silver.bars")
    commands = [start_command(here, *query, environ={"TMPDIR": str(temporary)}) for _ in range(4)]
    answers = {(ended.code, ended.out, ended.error) for ended in (each.ended() for each in commands)}
    assert len(answers) == 1
    assert next(iter(answers))[0] == 0
    links = [path for path in temporary.rglob("*") if path.is_symlink()]
    assert [os.readlink(link) for link in links] == [here.lake.root]
    record_property("happened", f"{len(commands)} processes gave one answer through 1 link")


@pytest.mark.parametrize("character", CHARACTERS)
def test_a_character_in_the_path_on_the_embedded_engine(
    spark: SparkSession, tmp_path: Path, character: str, record_property: Record
) -> None:
    rows = write_and_read(spark, tmp_path / f"a{character}b{character}")
    record_property("happened", f"{rows} rows appended, merged, staged, read by engine, SQL and delta-rs")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("character", [*"[]^|\\", "%20"])
def test_a_character_that_delta_cannot_bear_is_refused_before_a_call(
    cli: Cli, simulator: Simulator, tmp_path: Path, character: str, record_property: Record
) -> None:
    here = install(tmp_path / f"a{character}b", simulator.url)
    for command in ("run", "build", "status", "doctor"):
        ended = cli("--config", here.config, command)
        assert ended.code == 2
        assert f"{here.lake.root}: Delta cannot use a path with {character}" in ended.line
    assert simulator.service.stats()["calls"] == 0
    assert not Path(here.lake.root).exists()
    record_property("happened", "refused by 4 commands, 0 calls")


@pytest.mark.spark
@pytest.mark.parametrize("name", [CHARACTERS, "100% {a,b}", "?", "*", " "])
def test_a_path_on_apache_spark(
    apache_spark: SparkSession, tmp_path: Path, name: str, record_property: Record
) -> None:
    (tmp_path / "axb").mkdir()  # what a pattern might find instead
    rows = write_and_read(apache_spark, tmp_path / name)
    record_property("happened", f"{rows} rows appended, merged, staged, read by engine, SQL and delta-rs")


@pytest.mark.spark
@pytest.mark.usefixtures("still_clock")
def test_a_run_on_apache_spark_in_folders_with_any_characters(
    cli: Cli, environment: pytest.MonkeyPatch, simulator: Simulator, tmp_path: Path, record_property: Record
) -> None:
    plain = install(tmp_path / "plain", simulator.url)
    assert cli("--config", plain.config, *BACKFILL).code == 0
    environment.setenv("LAKEHOUSE_ENGINE", "spark")
    here = install(tmp_path / AWKWARD, simulator.url)
    for command in (BACKFILL, ("sql", "select count(*) from silver.bars")):
        ended = cli("--config", here.config, *command)
        assert ended.code == 0, (command, ended.error)
    assert (here.folder / "state" / "spark-connect.log").is_file()
    found = hashes(here.lake)
    assert found == hashes(plain.lake)
    record_property("happened", f"{len(found)} tables are equal to those of the embedded engine")


def write_and_read(spark: SparkSession, folder: Path) -> int:
    """Writes rows in all ways into a lake below the folder, reads them back; returns their number."""
    folder.mkdir()
    lake = Lake(str(folder / "lake"))
    Path(lake.root).mkdir()
    create_tables(lake, [SIGNALS])
    fill_row = signal("AAPL", date(2010, 8, 20), "pe_ratio", is_triggered=True)
    append_rows(lake, SIGNALS, [fill_row])
    stored_df = read_table(spark, lake, SIGNALS)
    new_df = stage(spark, lake, stored_df.withColumn("symbol", F.lit("MSFT")), "a-run", "rows")
    append_first(lake, SIGNALS, new_df)
    merge_rows(lake, SIGNALS, new_df.withColumn("symbol", F.lit("IBM")), None)
    wanted = ["AAPL", "IBM", "MSFT"]
    assert sorted(row["symbol"] for row in read_table(spark, lake, SIGNALS).collect()) == wanted
    register_tables(spark, lake)
    found = spark.sql("SELECT symbol FROM gold.signals ORDER BY symbol").collect()
    assert [row["symbol"] for row in found] == wanted
    assert sorted(read_rows(lake, SIGNALS)["symbol"].to_pylist()) == wanted
    assert [row["ticker"] for row in landed_file(spark, lake).collect()] == ["AAPL"]
    assert {path.name for path in folder.iterdir()} == {"lake"}
    return len(wanted)


def landed_file(spark: SparkSession, lake: Lake) -> DataFrame:
    """The rows of a flat file in the lake's landing zone."""
    file = FlatFile("f", "massive", DAY_BARS, date(2010, 8, 20), "k", "landing/k.csv.gz", T0, True, 1)
    path = Path(lake.root, file.path)
    path.parent.mkdir()
    names = COLUMNS_OF[DAY_BARS]
    path.write_bytes(gzip.compress(f"{','.join(names)}\nAAPL{',1' * (len(names) - 1)}\n".encode()))
    return read_flat_file(spark, lake, file, None)
