"""A person's SQL reads declared tables and views, and nothing else of the machine or the network."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import append_rows, read_rows, upsert_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.views.views import VIEWS
from jobs.pipelines.maintenance import maintain_table
from serving.errors import ServingError
from serving.sql.run import run_query
from serving.sql.sources import check_sources
from tests.builders.lakes import workspace
from tests.builders.small_files import copied

REFUSED = [
    "select * from text.`/etc/shadow`",
    "select * from TEXT . `/etc/shadow`",
    "select * from `text`.`/etc/shadow`",
    "select * from csv.`s3://bucket/key`",
    "select * from parquet.`https://example.org/x.parquet`",
    "select * from binaryFile.`/`",
    "select * from delta.`/lake/gold/signals`",
    "select * from json.file",
    "select * from '/etc/passwd'",
    "select * from `/etc/passwd`",
    "with x as (select * from text.`/etc/passwd`) select * from x",
    "select (select max(value) from text.`/etc/passwd`) from gold.signals",
    "select * from gold.signals where exists (select 1 from orc.`/x`)",
    "select * from gold.signals union all select * from avro.`/x`",
    "select * from gold.signals join text.`/etc/passwd` on true",
    "select * from gold.signals, lateral (select * from text.`/etc/passwd`)",
    "from text.`/etc/passwd` select *",
    "select * from identifier('text.`/etc/passwd`')",
    "select * from identifier(concat('te', 'xt.`/etc/passwd`'))",
    "select * from read_files('/etc')",
    "select * from read_csv('/etc/passwd')",
    "select * from gold.signals, lateral read_csv('/etc/passwd')",
    "select * from gold.signals join lateral read_files('/etc') on true",
    "select * from gold.signals lateral view read_csv('/etc/passwd') as cell",
    "select * from other.gold.signals",
    "select * from information_schema.tables",
    "explain select * from text.`/etc/passwd`",
    "explain extended select * from text.`/etc/passwd`",
    "describe text.`/etc/passwd`",
    "describe table extended parquet.`/x`",
    "describe query select * from text.`/etc/passwd`",
    "show columns from text.`/etc/passwd`",
    "show columns in parquet . `x`",
    "show create table delta.`/x`",
    "describe `/etc/passwd`",
    "describe detail '/lake/gold/signals'",
    "-- why\ndescribe history '/lake/gold/signals'",
    'desc detail "/lake/gold/signals"',
    "describe /* ' */ detail '/lake/gold/signals'",
    "/* why */ describe history delta.`/lake/gold/signals`",
    "/**/ explain select * from text.`/etc/passwd`",
    "select * from gold.signals limit (select count(*) from csv.`/x`)",
    "select aggregate(array(1), 0, (a, b) -> (select count(*) from csv.`/x`))",
    "select * from gold.signals pivot (count(*) for symbol in (select value from text.`/x`))",
]
ACCEPTED = [
    "select * from gold.signals",
    "SELECT * FROM Gold.`Signals` AS s",
    "select * from spark_catalog.gold.signals",
    "with x as (select 1 as a) select * from x join gold.signals s on true",
    "with gold as (select 1 as a), other as (select * from gold) select * from other",
    "select * from silver_stock_clean",
    "select * from silver.stock_clean",
    "select * from gold.signals version as of 0",
    "select * from gold.signals timestamp as of '2026-01-01'",
    "select * from gold.signals tablesample (5 rows)",
    "select /*+ broadcast(s) */ * from gold.signals s",
    "select * from range(10)",
    "select explode(array(1, 2))",
    "select * from gold.signals lateral view explode(array(1)) as one",
    "select * from identifier('gold.signals')",
    "select * from (values (1), (2)) as t(a)",
    "select 'text.`/etc/passwd`' as quoted",
    "select text.value from (select 1 as value) as text",
    "from gold.signals select symbol",
    "explain select * from gold.signals",
    "describe gold.signals",
    "describe table extended silver.bars",
    "describe history gold.signals",
    "describe detail gold.signals",
    "show tables",
    "show tables in gold",
    "show columns from silver.bars",
    "show functions",
    "describe function abs",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_what_is_no_table_of_the_lake_is_refused(statement: str) -> None:
    with pytest.raises(
        ServingError, match=r"there is no table|in place of a table|no table, column or layer"
    ):
        check_sources(statement)


@pytest.mark.parametrize("statement", ACCEPTED)
def test_tables_views_and_rows_of_the_statement_itself_can_be_read(statement: str) -> None:
    check_sources(statement)


@pytest.mark.parametrize(
    "statement", ["select from where", "select * from gold.signals where (table text.`/x`)", "explain"]
)
def test_what_cannot_be_parsed_is_refused_in_one_line(statement: str) -> None:
    with pytest.raises(ServingError, match="cannot be parsed") as refused:
        check_sources(statement)
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_a_near_name_is_told() -> None:
    with pytest.raises(ServingError, match=r"there is no table gold.signal; did you mean gold.signals"):
        check_sources("select * from gold.signal")


def test_a_query_of_a_file_never_reaches_the_engine(engine: SparkSession, sample: Lake) -> None:
    with pytest.raises(ServingError, match="there is no table"):
        run_query(engine, sample, "select * from text.`/etc/hostname`")


def test_a_query_that_takes_too_long_is_stopped(engine: SparkSession, sample: Lake) -> None:
    endless = "select count(*) from range(100000) a cross join range(100000) b where a.id * b.id = 7"
    with pytest.raises(ServingError, match=r"did not end within 0.5 s; .* --timeout"):
        run_query(engine, sample, endless, timeout_seconds=0.5)
    assert run_query(engine, sample, "select 1 as one", timeout_seconds=60)["one"].to_pylist() == [1]


def test_every_table_can_be_read_after_every_kind_of_write(
    engine: SparkSession, sample: Lake, tmp_path: Path
) -> None:
    """Appends, merges and compactions of delta-rs write other Arrow types than the engine."""
    own = copied(sample, tmp_path / "own")
    ctx = workspace(own)
    for table in ALL_TABLES:
        rows = read_rows(own, table).to_pylist()[:3]
        if rows:
            append_rows(ctx.lake, table, rows)
            upsert_rows(ctx.lake, table, rows[:1])
            maintain_table(ctx, None, table)
    for name in [*(table.full_name for table in ALL_TABLES), *(view.name for view in VIEWS)]:
        assert run_query(engine, own, f"select * from {name} limit 3").num_rows <= 3
        (count,) = run_query(engine, own, f"select count(*) as rows from {name}")["rows"].to_pylist()
        assert count >= 0
