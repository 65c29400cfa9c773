"""Every table of the lake, by name."""

from delta_tables.table import Table
from delta_tables.tables import (
    bronze,
    gold,
    gold_reconciliation,
    gold_ticks,
    ops,
    silver,
    silver_reference,
    silver_ticks,
)

ALL_TABLES: tuple[Table, ...] = (
    *bronze.TABLES,
    *silver.TABLES,
    *silver_reference.TABLES,
    *silver_ticks.TABLES,
    *gold.TABLES,
    *gold_reconciliation.TABLES,
    *gold_ticks.TABLES,
    *ops.TABLES,
)
BY_NAME = {table.full_name: table for table in ALL_TABLES}
