"""A table's declaration, and the properties derived from it."""

from decimal import Decimal

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import DecimalType, StringType

from delta_tables.table import SchemaMismatch, column
from delta_tables.tables.catalogue import ALL_TABLES, BY_NAME
from tests.builders.small_table import COLUMNS, table_of


def test_a_table_has_a_known_layer() -> None:
    with pytest.raises(ValueError, match="platinum"):
        table_of(layer="platinum")


@pytest.mark.parametrize("name", ["Prices", "1prices", "pri-ces", "prices; drop", ""])
def test_a_table_name_is_in_snake_case(name: str) -> None:
    with pytest.raises(ValueError, match="snake_case"):
        table_of(name=name)


def test_a_key_is_a_column() -> None:
    with pytest.raises(ValueError, match="isin"):
        table_of(keys=("symbol", "isin"))


def test_a_partition_is_a_column() -> None:
    with pytest.raises(ValueError, match="year"):
        table_of(partition_by=("year",))


def test_a_table_has_a_key() -> None:
    with pytest.raises(ValueError, match="keys"):
        table_of(keys=())


def test_a_key_is_never_nullable() -> None:
    with pytest.raises(ValueError, match=r"NULL key.*note"):
        table_of(keys=("symbol", "note"))


def test_every_column_has_a_comment() -> None:
    with pytest.raises(ValueError, match=r"without a comment.*price"):
        table_of(*COLUMNS[:2], column("price", DecimalType(18, 6), ""))


def test_names_and_the_merge_condition_follow_from_the_declaration() -> None:
    table = table_of()
    assert (table.full_name, table.dataset) == ("silver.prices", "silver_prices")
    assert table.content_columns == ("symbol", "at", "price", "note")
    assert table.value_columns == ("price", "note")
    assert table.merge_condition() == "t.`symbol` = s.`symbol` AND t.`at` = s.`at`"


def test_table_names_are_unique() -> None:
    assert tuple(BY_NAME.values()) == ALL_TABLES


def test_conform_orders_and_casts_to_the_declared_columns(engine: SparkSession) -> None:
    frame_df = engine.sql(
        "SELECT 'run 1' AS run_id, '189.5' AS price, 'AAPL' AS symbol, "
        "CAST(NULL AS STRING) AS note, '2024-03-05 14:30:00' AS at"
    )
    conformed_df = table_of().conform(frame_df)
    assert [(field.name, field.dataType) for field in conformed_df.schema] == [
        (field.name, field.dataType) for field in COLUMNS
    ]
    (only,) = conformed_df.collect()
    assert only["price"] == Decimal("189.500000")
    assert only["symbol"] == "AAPL"


def test_conform_refuses_a_missing_column(engine: SparkSession) -> None:
    frame_df = engine.sql("SELECT 'AAPL' AS symbol, 1.0 AS price, now() AS at, 'x' AS note")
    with pytest.raises(SchemaMismatch, match=r"missing \['run_id'\], not declared \[\]"):
        table_of().conform(frame_df)


def test_conform_refuses_a_column_that_is_not_declared(engine: SparkSession) -> None:
    frame_df = engine.sql(
        "SELECT 'AAPL' AS symbol, 1.0 AS price, now() AS at, 'x' AS note, 'r' AS run_id, 2 AS bid"
    )
    with pytest.raises(SchemaMismatch, match=r"missing \[\], not declared \['bid'\]"):
        table_of().conform(frame_df)


def test_conform_accepts_column_names_that_sql_would_not(engine: SparkSession) -> None:
    table = table_of(*COLUMNS[:2], column("7d_avg", DecimalType(18, 6), "average"), keys=("symbol",))
    frame_df = engine.sql("SELECT 'AAPL' AS symbol, now() AS at, 1.5 AS `7d_avg`")
    assert table.conform(frame_df).columns == ["symbol", "at", "7d_avg"]


def test_two_declarations_of_the_same_table_are_equal() -> None:
    assert table_of() == table_of()
    assert table_of() != table_of(*COLUMNS, column("venue", StringType(), "venue"))
