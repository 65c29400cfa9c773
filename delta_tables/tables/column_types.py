"""Kinds of columns that several tables share: types of amounts, and what is known since when."""

from pyspark.sql.types import DecimalType, StringType, TimestampType

from delta_tables.table import column

PRICE = DecimalType(18, 6)
BAR_PRICE = DecimalType(24, 12)  # of a bar: the small coins need the places, the large currencies the digits
SIZE = DecimalType(20, 6)
BAR_SIZE = DecimalType(28, 8)  # a bitcoin has eight places

KNOWN = [
    column("known_from", TimestampType(), "when these values were learned, UTC (the payload's fetched_at)"),
    column("known_to", TimestampType(), "when they were replaced, UTC; null while current", is_nullable=True),
    column("payload_id", StringType(), "payload or file in Bronze that said so"),
    column("position", StringType(), "place inside that payload"),
    column("run_id", StringType(), "run that last changed the row", is_lineage=True),
]
