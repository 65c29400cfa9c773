"""Columns that several tables share: types of amounts, and the columns of a bitemporal history."""

from pyspark.sql.types import DecimalType, StringType, TimestampType

from delta_tables.table import column

PRICE = DecimalType(18, 6)
BAR_PRICE = DecimalType(24, 12)  # of a bar: small coins need the decimals, large currencies the digits
SIZE = DecimalType(20, 6)
BAR_SIZE = DecimalType(28, 8)  # a bitcoin has eight decimals

KNOWN = [
    column("known_from", TimestampType(), "when these values were received, UTC (the payload's fetched_at)"),
    column("known_to", TimestampType(), "when they were replaced, UTC; null while current", is_nullable=True),
    column("payload_id", StringType(), "source payload or file in Bronze"),
    column("position", StringType(), "position inside that payload"),
    column("run_id", StringType(), "run that last changed the row", is_lineage=True),
]
