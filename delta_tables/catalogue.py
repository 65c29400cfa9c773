"""Every table of the lake, by name."""

from delta_tables import bronze, gold, ops, silver, silver_reference
from delta_tables.table import Table

ALL_TABLES: tuple[Table, ...] = (
    *bronze.TABLES,
    *silver.TABLES,
    *silver_reference.TABLES,
    *gold.TABLES,
    *ops.TABLES,
)
BY_NAME = {table.full_name: table for table in ALL_TABLES}


def table_named(name: str) -> Table:
    """The table `layer.name`.

    Raises:
        KeyError: there is none; names those that there are.
    """
    if name not in BY_NAME:
        raise KeyError(f"no table {name!r}; there are {', '.join(BY_NAME)}")
    return BY_NAME[name]
