"""What the gate measures itself, because Soda 3.5 lets it pass.

NaN and Infinity pass min, max and missing_count; a time in the future is fresh; duplicate_count leaves
out rows with a NULL in the key; a filter that selects no row makes its checks pass. All of it is
counted in one query, together with the values that a table's declaration requires.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, DoubleType, FloatType

from quality.checks_file import ChecksFile
from quality.gate_result import CheckOutcome


@dataclass(frozen=True)
class _Rule:
    """A condition on rows, and how many of them may match."""

    name: str
    column: str | None
    matches: Column
    is_met: Callable[[int], bool]

    def outcome(self, count: int) -> CheckOutcome:
        return CheckOutcome(self.name, self.column, "pass" if self.is_met(count) else "fail", count)


def _none(count: int) -> bool:
    return count == 0


def _some(count: int) -> bool:
    return count > 0


def audit_batch(
    batch_df: DataFrame, checks: ChecksFile, now: datetime, required: Sequence[str] = ()
) -> tuple[int, tuple[CheckOutcome, ...]]:
    """The number of rows, and an outcome for each of the gate's own rules.

    These rules need no line in the checks file; an empty batch always fails. `required`: columns in which no
    value may be missing, whatever the file says. Raises what the engine raises for a filter that is not SQL,
    or for a required column that does not exist.
    """
    own = list(_rules(batch_df, checks, now))
    rules = own + [_Rule(f"no NULL in {name}", name, _col(name).isNull(), _none) for name in required]
    counts = [F.count(F.when(rule.matches, F.lit(1))).alias(f"rule_{i}") for i, rule in enumerate(rules)]
    row = batch_df.agg(F.count(F.lit(1)).alias("row_count"), *counts).collect()[0]
    row_count = int(row[0])
    if row_count == 0:
        return 0, (CheckOutcome("the batch has rows", None, "fail", 0),)
    outcomes = [rule.outcome(int(row[i + 1])) for i, rule in enumerate(rules)]
    missing = [outcome for outcome in outcomes[len(own) :] if outcome.outcome != "pass"]
    if required and not missing:  # one line for all of them
        missing = [CheckOutcome("no NULL where a value is declared", None, "pass", 0)]
    return row_count, (*outcomes[: len(own)], *missing)


def _rules(batch_df: DataFrame, checks: ChecksFile, now: datetime) -> Iterator[_Rule]:
    # A missing column is left to Soda, whose error names it.
    types = {field.name: field.dataType for field in batch_df.schema.fields}
    for name, kind in types.items():
        if isinstance(kind, FloatType | DoubleType):
            yield _Rule(f"no NaN or Infinity in {name}", name, _is_not_finite(_col(name)), _none)
    for check in checks.checks:
        key = [column for column in check.columns if column in types]
        if check.metric in ("duplicate_count", "duplicate_percent") and key:
            yield _Rule(f"no NULL in the key of {check.name}", None, _has_null(key), _none)
        if check.metric == "freshness" and key:
            is_date = isinstance(types[key[0]], DateType)
            limit = F.lit(now).cast("date") if is_date else F.lit(now)
            yield _Rule(f"no future {key[0]}", key[0], _col(key[0]) > limit, _none)
    for selection in checks.selections:
        yield _Rule(f"{selection.name} selects rows", None, F.expr(selection.where), _some)


def _is_not_finite(value: Column) -> Column:
    return F.isnan(value) | (F.abs(value) == F.lit(float("inf")))


def _has_null(columns: list[str]) -> Column:
    is_null = _col(columns[0]).isNull()
    for column in columns[1:]:
        is_null = is_null | _col(column).isNull()
    return is_null


def _col(name: str) -> Column:
    return F.col(f"`{name}`")
