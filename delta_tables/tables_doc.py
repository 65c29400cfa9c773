"""The tables as a page to read: docs/tables.md, generated from the declarations."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pyspark.sql.types import DataType, DoubleType, LongType, StringType, StructField

from delta_tables.table import Table, column
from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.tables.silver import BARS
from delta_tables.views.adjusted_bars import BARS_SPLIT_ADJUSTED, BARS_TOTAL_ADJUSTED, COLUMNS
from delta_tables.views.views import STOCK_CLEAN

TABLES_PAGE = Path(__file__).parents[1] / "docs" / "tables.md"
_VIEW_KEYS = ("symbol", "timestamp")
_VIEW_COLUMNS = (
    *("symbol", "timestamp", "trade_dt", "interval", "session", "provider"),
    *("open", "high", "low", "close", "volume", "is_simulated"),
)
_VIEW_TYPES: dict[str, DataType] = {"volume": LongType()}
_ADJUSTED = {
    "adjustment": column("adjustment", StringType(), "what the values are adjusted for: split or total"),
    "split_ratio": column("split_ratio", DoubleType(), "what the prices were divided by"),
    "dividend_factor": column(
        "dividend_factor", DoubleType(), "what they were multiplied by then", is_nullable=True
    ),
}
_INTRODUCTION = """\
# Tables

Generated from `delta_tables/` by `make docs`; do not edit. The key identifies a row. Columns marked
*lineage* say which run wrote a row; they are no part of what a table holds. A column that is not
nullable holds a value in every row: the keys by the stored schema, the others of Silver and Gold because a
batch is judged before it is published (docs/adr/0003)."""


def tables_markdown() -> str:
    """docs/tables.md: every declared table, and the views."""
    sections = [_view_section(), _adjusted_section()]
    parts = [_INTRODUCTION, *(_table_section(table) for table in ALL_TABLES), *sections]
    return "\n\n".join(parts) + "\n"


def view_columns() -> Iterator[StructField]:
    """The columns of the view silver.stock_clean: those of silver.bars, volume as a whole number."""
    for name in _VIEW_COLUMNS:
        field = BARS.schema[name]
        yield StructField(name, _VIEW_TYPES.get(name, field.dataType), field.nullable, field.metadata)


def adjusted_columns() -> Iterator[StructField]:
    """The columns of the views of adjusted bars."""
    for name in COLUMNS:
        yield _ADJUSTED[name] if name in _ADJUSTED else BARS.schema[name]


def _table_section(table: Table) -> str:
    partition = f"Partition: {_names(table.partition_by)}." if table.partition_by else "Not partitioned."
    return "\n\n".join(
        [
            f"## {table.full_name}",
            table.description,
            f"Key: {_names(table.keys)}. {partition}",
            _column_table(table.schema),
        ]
    )


def _view_section() -> str:
    return "\n\n".join(
        [
            f"## {STOCK_CLEAN} (view)",
            "The stock bars of silver.bars as they are known now, one row a symbol and timestamp: where bars "
            "of several intervals begin at one instant, that of the finest interval (`interval` says which).",
            f"Key: {_names(_VIEW_KEYS)}. Computed when read.",
            _column_table(view_columns()),
        ]
    )


def _adjusted_section() -> str:
    return "\n\n".join(
        [
            f"## {BARS_SPLIT_ADJUSTED} and {BARS_TOTAL_ADJUSTED} (views)",
            "silver.bars as they are known now, in today's shares: prices / split_ratio and volume x "
            "split_ratio of the splits that came later; the prices of the second also x dividend_factor of "
            "the dividends and capital gains that came later. Formulas, rounding and source: "
            "delta_tables/views/adjusted_bars.py. As known at an instant: "
            "`lakehouse bars SYMBOL --adjusted split --as-of ...`.",
            f"Key: {_names(name for name in BARS.keys if name != 'known_from')}. Computed when read.",
            _column_table(adjusted_columns()),
        ]
    )


def _column_table(fields: Iterable[StructField]) -> str:
    head = ["| column | type | nullable | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *(_row(field) for field in fields)])


def _row(field: StructField) -> str:
    comment = field.metadata["comment"].replace("|", "\\|")
    meaning = f"*lineage*: {comment}" if field.metadata["lineage"] else comment
    nullable = "yes" if field.nullable else "no"
    return f"| `{field.name}` | {field.dataType.simpleString()} | {nullable} | {meaning} |"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    TABLES_PAGE.write_text(tables_markdown(), encoding="utf-8")
