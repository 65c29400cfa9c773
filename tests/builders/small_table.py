"""A small table and its rows."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql.types import DecimalType, StringType, StructField, StructType, TimestampType

from delta_tables.table import Table, column

COLUMNS = [
    column("symbol", StringType(), "symbol"),
    column("at", TimestampType(), "instant, UTC"),
    column("price", DecimalType(18, 6), "price, quote currency"),
    column("note", StringType(), "a remark", is_nullable=True),
    column("run_id", StringType(), "run that wrote the row", is_lineage=True),
]


def table_of(*columns: StructField, **changes: Any) -> Table:
    fields = {"layer": "silver", "name": "prices", "description": "Prices.", "keys": ("symbol", "at")}
    return Table(**{**fields, "schema": StructType(list(columns or COLUMNS)), **changes})


def row(symbol: str, price: str, run_id: str = "run 1") -> dict[str, Any]:
    at = datetime(2024, 3, 5, 14, 30, tzinfo=UTC)
    return {"symbol": symbol, "at": at, "price": Decimal(price), "note": None, "run_id": run_id}
