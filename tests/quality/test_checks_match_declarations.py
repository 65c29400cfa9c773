"""The columns that a checks file requires are those that the table declares."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import quality
from delta_tables.table import Table
from delta_tables.tables.catalogue import ALL_TABLES

CHECKS = Path(quality.__file__).parent / "checks"
TABLES = tuple(table for table in ALL_TABLES if table.layer in ("silver", "gold"))


def checks_of(dataset: str) -> list[Any]:
    content = yaml.safe_load((CHECKS / f"{dataset}.yml").read_text())
    return list(content[f"checks for {dataset}"])


def schema_check(dataset: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        c["schema"]["fail"] for c in checks_of(dataset) if isinstance(c, dict) and "schema" in c
    )
    return found


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.dataset)
def test_required_columns_are_the_declared_ones(table: Table) -> None:
    assert schema_check(table.dataset)["when required column missing"] == list(table.columns)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.dataset)
def test_the_key_is_checked_for_duplicates(table: Table) -> None:
    assert f"duplicate_count({', '.join(table.keys)}) = 0" in [
        c for c in checks_of(table.dataset) if isinstance(c, str)
    ]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.dataset)
def test_types_that_are_checked_are_the_declared_ones(table: Table) -> None:
    for name, kind in schema_check(table.dataset).get("when wrong column type", {}).items():
        assert table.schema[name].dataType.simpleString() == kind


def test_every_silver_and_gold_table_and_the_clean_view_has_checks() -> None:
    expected = {table.dataset for table in TABLES} | {"silver_stock_clean"}
    assert {file.stem for file in CHECKS.glob("*.yml")} == expected
