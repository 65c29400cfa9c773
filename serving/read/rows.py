"""What a reader answers: rows as Arrow, pandas or Polars; prices exact or as float64."""

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
    """Rows in order: symbols as asked for, the oldest first in each.

    What takes Arrow streams takes these too: `polars.DataFrame(rows)`, DuckDB, `pyarrow.table(rows)`.
    """

    table: pa.Table

    def __len__(self) -> int:
        """How many rows there are."""
        return int(self.table.num_rows)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows for any library that speaks Arrow's C interface; prices are decimals."""
        return self.table.__arrow_c_stream__(requested_schema)

    def arrow(self, prices: Prices = "decimal") -> pa.Table:
        """The rows as an Arrow table; prices and sizes are decimals, exact, unless float64 is asked for.

        Names (symbol, provider ...) are dictionaries: one number a row.

        Raises:
            ServingError: `prices` is neither.
        """
        return self.table if _checked(prices) == "decimal" else _with_floats(self.table)

    def pandas(self, prices: Prices = "float64") -> "pd.DataFrame":
        """The rows as a pandas frame that may be changed; prices and sizes are float64.

        Timestamps are datetime64 in UTC, dates datetime64 without a zone, names categories. With
        prices="decimal" prices are Python Decimals: exact, and a hundred times slower.

        Raises:
            ServingError: `prices` is neither.
        """
        frame: pd.DataFrame = self.arrow(prices).to_pandas(date_as_object=False)
        return frame

    def polars(self, prices: Prices = "float64") -> Any:  # noqa: ANN401 - Polars is optional
        """The rows as a Polars frame; prices and sizes are Float64, names categories.

        Raises:
            ServingError: Polars is not installed, or `prices` is neither.
        """
        try:
            polars = importlib.import_module("polars")
        except ImportError:
            raise ServingError(
                "Polars is not installed: `pip install polars`, or take .pandas() or .arrow()"
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
        raise ServingError(f"prices are given as decimal or float64, not {prices!r}")
    return prices
