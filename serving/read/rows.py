"""The result of a read: rows as Arrow, pandas or Polars, with exact decimal prices or as float64."""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from serving.errors import ServingError

if TYPE_CHECKING:
    import pandas as pd

Prices = Literal["decimal", "float64"]


@dataclass(frozen=True)
class Rows:
    """Rows in the order of the requested symbols, oldest first within each symbol.

    They are an Arrow stream, which other libraries accept: `polars.DataFrame(rows)`, DuckDB,
    `pyarrow.table(rows)`.
    """

    table: pa.Table

    def __len__(self) -> int:
        """The number of rows."""
        return int(self.table.num_rows)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows for libraries that use Arrow's C stream interface; prices are decimals."""
        return self.table.__arrow_c_stream__(requested_schema)

    def arrow(self, prices: Prices = "decimal") -> pa.Table:
        """The rows as an Arrow table; prices and sizes are exact decimals, or float64 on request.

        Text columns (symbol, provider ...) are dictionary-encoded: one integer per row.

        Raises:
            ServingError: `prices` is neither "decimal" nor "float64".
        """
        return self.table if _checked(prices) == "decimal" else _with_floats(self.table)

    def pandas(self, prices: Prices = "float64") -> "pd.DataFrame":
        """The rows as a pandas DataFrame of their own; prices and sizes are float64.

        Timestamps are datetime64 in UTC, dates datetime64 without a time zone, text columns categorical.
        With prices="decimal" they are Python Decimals: exact, but a hundred times slower.

        Raises:
            ServingError: `prices` is neither "decimal" nor "float64".
        """
        frame: pd.DataFrame = self.arrow(prices).to_pandas(date_as_object=False)
        return frame

    def polars(self, prices: Prices = "float64") -> Any:  # noqa: ANN401 - Polars is optional
        """The rows as a Polars DataFrame; prices and sizes are Float64, text columns categorical.

        Raises:
            ServingError: Polars is not installed, or `prices` is neither "decimal" nor "float64".
        """
        try:
            polars = importlib.import_module("polars")
        except ImportError:
            raise ServingError(
                "Polars is not installed; run `pip install polars`, or use .pandas() or .arrow()"
            ) from None
        return polars.from_arrow(self.arrow(prices))


def _with_floats(table: pa.Table) -> pa.Table:
    fields = [
        pa.field(field.name, pa.float64()) if pa.types.is_decimal(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _checked(prices: Prices) -> Prices:
    if prices not in ("decimal", "float64"):
        raise ServingError(f"prices must be 'decimal' or 'float64', not {prices!r}")
    return prices
