"""docs/tables.md, generated from the declarations of the tables."""

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
    "adjustment": column("adjustment", StringType(), "adjustment of the values: split or total"),
    "split_ratio": column("split_ratio", DoubleType(), "divisor of the prices"),
    "dividend_factor": column(
        "dividend_factor", DoubleType(), "multiplier of the divided prices", is_nullable=True
    ),
}
_INTRODUCTION = """\
# Tables

Generated from `delta_tables/` by `make docs`; do not edit. The key identifies a row. *Lineage* columns state
which run wrote a row; they are not part of a table's content. A column that is not nullable has a value in
every row: for keys the stored schema enforces it, for other columns of Silver and Gold the quality gate that
each batch passes before it is published (docs/adr/0003)."""


def tables_markdown() -> str:
    """The page as Markdown: every declared table, and the views."""
    sections = [_view_section(), _adjusted_section()]
    parts = [_INTRODUCTION, *(_table_section(table) for table in ALL_TABLES), *sections]
    return "\n\n".join(parts) + "\n"


def view_columns() -> Iterator[StructField]:
    """The columns of the view silver.stock_clean: columns of silver.bars, volume as a bigint."""
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
            "The current stock bars of silver.bars, one row per symbol and timestamp: if bars of several "
            "intervals begin at the same instant, the bar of the finest interval (see `interval`).",
            f"Key: {_names(_VIEW_KEYS)}. Computed on read.",
            _column_table(view_columns()),
        ]
    )


def _adjusted_section() -> str:
    return "\n\n".join(
        [
            f"## {BARS_SPLIT_ADJUSTED} and {BARS_TOTAL_ADJUSTED} (views)",
            "The current bars of silver.bars in today's shares: prices / split_ratio, volume x split_ratio, "
            "for the later splits; in the second view prices also x dividend_factor, for the later dividends "
            "and capital gains. Formulas, rounding and source: delta_tables/views/adjusted_bars.py. As of an "
            "instant: `lakehouse bars SYMBOL --adjusted split --as-of ...`.",
            f"Key: {_names(name for name in BARS.keys if name != 'known_from')}. Computed on read.",
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
