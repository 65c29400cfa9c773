"""The declaration of a table, and everything that can be derived from it."""

import re
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StructField, StructType

LAYERS = ("bronze", "silver", "gold", "ops")


class SchemaMismatch(Exception):
    """A frame, or a stored table, does not have the declared columns."""


def column(
    name: str, kind: DataType, comment: str, *, is_nullable: bool = False, is_lineage: bool = False
) -> StructField:
    """A declared column; `comment` is its meaning, with the unit.

    Lineage columns (which run wrote the row) differ between runs with the same data. They are not part of a
    table's content hash, and a row that differs in them only does not count as changed.
    """
    return StructField(name, kind, is_nullable, {"comment": comment, "lineage": is_lineage})


@dataclass(frozen=True)
class Table:
    """A table of the lake: its columns, its key and its partition columns.

    Raises:
        ValueError: the declaration contradicts itself.
    """

    layer: str
    name: str
    description: str
    schema: StructType
    keys: tuple[str, ...]
    partition_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Checks that the declaration does not contradict itself."""
        if self.layer not in LAYERS or not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ValueError(
                f"{self.layer}.{self.name}: the layer must be one of {LAYERS} and the name snake_case."
            )
        unknown = [name for name in self.keys + self.partition_by if name not in self.columns]
        if unknown or not self.keys:
            raise ValueError(
                f"{self.full_name}: there must be a key, and keys and partitions must be columns; "
                f"unknown: {unknown}"
            )
        if nullable := [name for name in self.keys if self.schema[name].nullable]:
            raise ValueError(
                f"{self.full_name}: a NULL key matches no row; declare as not nullable: {nullable}"
            )
        if uncommented := [field.name for field in self.schema if not field.metadata.get("comment")]:
            raise ValueError(f"{self.full_name}: columns without a comment: {uncommented}")

    @property
    def full_name(self) -> str:
        """The name in SQL, such as `silver.bars`."""
        return f"{self.layer}.{self.name}"

    @property
    def dataset(self) -> str:
        """The name in Soda and of temp views, such as `silver_bars`."""
        return f"{self.layer}_{self.name}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(self.schema.names)

    @property
    def content_columns(self) -> tuple[str, ...]:
        """The columns without lineage."""
        return tuple(field.name for field in self.schema if not field.metadata["lineage"])

    @property
    def value_columns(self) -> tuple[str, ...]:
        """The columns without keys and lineage."""
        return tuple(name for name in self.content_columns if name not in self.keys)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns that must have a value in every row, including the keys."""
        return tuple(field.name for field in self.schema if not field.nullable)

    def merge_condition(self, target: str = "t", source: str = "s") -> str:
        """The SQL condition that a target row and a source row have the same key."""
        return " AND ".join(f"{target}.`{key}` = {source}.`{key}`" for key in self.keys)

    def conform(self, frame_df: DataFrame) -> DataFrame:
        """The frame with exactly the declared columns, in order and cast to the declared types.

        Raises:
            SchemaMismatch: a declared column is missing, or a column is not declared.
        """
        found = frame_df.columns  # each access is a request to the engine
        missing = [name for name in self.columns if name not in found]
        extra = [name for name in found if name not in self.columns]
        if missing or extra:
            raise SchemaMismatch(
                f"{self.full_name}: the frame must have the columns {list(self.columns)}; missing {missing}, "
                f"not declared {extra}."
            )
        return frame_df.select(*(self._cast(field) for field in self.schema))

    @staticmethod
    def _cast(field: StructField) -> Column:
        return F.col(f"`{field.name}`").cast(field.dataType).alias(field.name)
