"""A compaction that loses rows is refused; rows that land during a compaction are no loss."""

from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from deltalake.table import TableOptimizer

from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.row_digest import row_digest
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import BARS
from jobs.engine.compaction import LostRowsError, compact
from jobs.pipelines.maintenance import maintain_table
from tests.builders.lakes import land_rows, workspace
from tests.builders.payloads import DAYS
from tests.builders.small_files import bars_of, digest, rows_of, stored_files, version


def test_rows_that_land_during_a_compaction_are_no_loss(small: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    real_compact = TableOptimizer.compact

    def amid_landings(optimizer: TableOptimizer, **_options: object) -> Any:
        land_rows(small, [bars_of("XOM", 10)])
        found = real_compact(optimizer)
        land_rows(small, [bars_of("KO", 11)])
        return found

    monkeypatch.setattr(TableOptimizer, "compact", amid_landings)
    found = maintain_table(workspace(small), None, RAW_PAYLOADS)
    assert found.after.version == found.before.version + 3, "a landing, the compaction, a landing"
    assert found.after.rows == found.before.rows + 2
    assert found.after.files == 3, "those of before in one, and the two that landed"


@pytest.mark.parametrize("landing", ["before", "after"])
def test_a_compaction_that_loses_a_row_is_refused_whatever_lands_meanwhile(
    small: Lake, monkeypatch: pytest.MonkeyPatch, landing: str
) -> None:
    """As many rows land as are lost: a comparison with the newest version would find no difference."""
    good = version(small, RAW_PAYLOADS) + (landing == "before")

    def lossy(optimizer: TableOptimizer, **_options: object) -> dict[str, int]:
        if landing == "before":
            land_rows(small, [bars_of("XOM", 10)])
        DeltaTable(optimizer.table.table_uri).delete("symbol = 'KO'")
        rename_to_compaction(small, RAW_PAYLOADS)
        if landing == "after":
            land_rows(small, [bars_of("XOM", 10)])
        return {"numFilesRemoved": 1}

    monkeypatch.setattr(TableOptimizer, "compact", lossy)
    with pytest.raises(
        LostRowsError, match=rf"version {good} has \d rows .* version {good + 1} has \d"
    ) as refused:
        maintain_table(workspace(small), None, RAW_PAYLOADS)
    assert f"While {good + 1} is the newest version, restore {good}. Once others follow, do not" in str(
        refused.value
    )
    assert f"Append the rows of version {good} that version {good + 1} does not have" in str(refused.value)


def rename_to_compaction(lake: Lake, table: Table) -> None:
    """Renames the newest commit's operation to OPTIMIZE in the table's history."""
    newest = max((Path(lake.uri(table)) / "_delta_log").glob("*.json"))
    newest.write_text(newest.read_text().replace('"operation":"DELETE"', '"operation":"OPTIMIZE"'))


def test_a_compaction_that_loses_a_row_removes_nothing(small: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    before, count = digest(small, BARS), len(stored_files(small, BARS))

    def lossy(optimizer: TableOptimizer, **_options: object) -> dict[str, int]:
        optimizer.table.delete(f"symbol = 'KO' AND trade_dt = '{DAYS[0]}'")
        rename_to_compaction(small, BARS)
        return {"numFilesRemoved": 1}

    monkeypatch.setattr(TableOptimizer, "compact", lossy)
    good = version(small, BARS)
    with pytest.raises(LostRowsError, match=rf"silver.bars: version {good} has 35 rows .* 34"):
        maintain_table(workspace(small), None, BARS)
    assert len(stored_files(small, BARS)) > count
    assert row_digest(small, BARS, good) == before
    (noted,) = [row for row in rows_of(small, RUNS) if row["stage"] == "maintain"]
    assert (noted["status"], noted["detail"].partition(":")[0]) == ("failed", "LostRowsError")


def test_a_compaction_without_a_commit_in_the_history_is_an_error(
    small: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    compact(small, RAW_PAYLOADS, None)  # an earlier compaction, which the history shows
    before = version(small, RAW_PAYLOADS)

    def unseen(_optimizer: TableOptimizer, **_options: object) -> dict[str, int]:
        land_rows(small, [bars_of("XOM", 10)])
        return {"numFilesRemoved": 5}

    monkeypatch.setattr(TableOptimizer, "compact", unseen)
    with pytest.raises(LakeError, match=f"5 files were replaced, but no commit after version {before} is an"):
        compact(small, RAW_PAYLOADS, None)
