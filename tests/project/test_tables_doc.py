"""docs/tables.md is what the declarations say."""

from pyspark.sql import SparkSession

from delta_tables.catalogue import ALL_TABLES
from delta_tables.create_tables import create_tables
from delta_tables.lake import Lake
from delta_tables.silver import BARS
from delta_tables.tables_doc import TABLES_PAGE, tables_markdown, view_columns
from delta_tables.views import STOCK_CLEAN, stock_clean_sql


def test_the_page_is_up_to_date() -> None:
    page = TABLES_PAGE.read_text(encoding="utf-8")
    assert page == tables_markdown(), "docs/tables.md is not what the declarations say: run `make docs`"


def test_the_page_has_every_table_and_every_column() -> None:
    sections = {part.split("\n", 1)[0]: part for part in tables_markdown().split("\n## ")[1:]}
    assert set(sections) == {table.full_name for table in ALL_TABLES} | {f"{STOCK_CLEAN} (view)"}
    for table in ALL_TABLES:
        rows = [line for line in sections[table.full_name].splitlines() if line.startswith("| `")]
        assert [row.split("`")[1] for row in rows] == list(table.columns)


def test_a_lineage_column_is_marked() -> None:
    assert "| `run_id` | string | no | *lineage*: run that landed the row |" in tables_markdown()


def test_the_view_has_the_columns_and_types_that_the_page_says(spark: SparkSession, lake: Lake) -> None:
    create_tables(lake, [BARS])
    found = spark.sql(stock_clean_sql(f"delta.`{lake.uri(BARS)}`")).schema
    assert [(field.name, field.dataType) for field in found] == [
        (field.name, field.dataType) for field in view_columns()
    ]
