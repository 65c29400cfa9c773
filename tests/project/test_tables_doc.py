"""docs/tables.md is what the declarations say."""

from pyspark.sql import SparkSession

from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from delta_tables.tables_doc import TABLES_PAGE, adjusted_columns, tables_markdown, view_columns
from delta_tables.views.adjusted_bars import (
    BARS_SPLIT_ADJUSTED,
    BARS_TOTAL_ADJUSTED,
    split_adjusted_sql,
    total_adjusted_sql,
)
from delta_tables.views.views import STOCK_CLEAN, stock_clean_sql


def test_the_page_is_up_to_date() -> None:
    page = TABLES_PAGE.read_text(encoding="utf-8")
    assert page == tables_markdown(), "docs/tables.md is not what the declarations say: run `make docs`"


def test_the_page_has_every_table_and_every_column() -> None:
    sections = {part.split("\n", 1)[0]: part for part in tables_markdown().split("\n## ")[1:]}
    adjusted = f"{BARS_SPLIT_ADJUSTED} and {BARS_TOTAL_ADJUSTED} (views)"
    assert set(sections) == {table.full_name for table in ALL_TABLES} | {f"{STOCK_CLEAN} (view)", adjusted}
    for table in ALL_TABLES:
        rows = [line for line in sections[table.full_name].splitlines() if line.startswith("| `")]
        assert [row.split("`")[1] for row in rows] == list(table.columns)


def test_a_lineage_column_is_marked() -> None:
    assert "| `run_id` | string | no | *lineage*: run that appended the row |" in tables_markdown()


def test_the_view_has_the_columns_and_types_that_the_page_says(spark: SparkSession, lake: Lake) -> None:
    create_tables(lake, [BARS])
    found = spark.sql(stock_clean_sql(f"delta.`{lake.uri(BARS)}`")).schema
    assert [(field.name, field.dataType) for field in found] == [
        (field.name, field.dataType) for field in view_columns()
    ]


def test_the_adjusted_views_have_the_columns_and_types_that_the_page_says(
    spark: SparkSession, lake: Lake
) -> None:
    create_tables(lake, [BARS, CORPORATE_ACTIONS])
    bars, actions = (f"delta.`{lake.uri(table)}`" for table in (BARS, CORPORATE_ACTIONS))
    for select in (split_adjusted_sql, total_adjusted_sql):
        found = spark.sql(select(bars, actions)).schema
        assert [(field.name, field.dataType) for field in found] == [
            (field.name, field.dataType) for field in adjusted_columns()
        ]
