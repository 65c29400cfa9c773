"""Reads a whole lake and says what is damaged, lost or stuck; changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from delta_tables.integrity.bronze_bytes import changed_bodies, changed_files
from delta_tables.integrity.scrub import Damage, ScrubbedTable, scrub_table
from delta_tables.storage.arrow_io import query_rows
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import ENGINE_ERROR, QUARANTINE
from jobs.runs.progress import report_progress
from jobs.runs.table_versions import LostCommits, lost_commits

_STUCK = """
    SELECT stage, subject, last_value(status ORDER BY at) AS status, last_value(detail ORDER BY at) AS detail
    FROM stored GROUP BY stage, subject
"""
_SET_ASIDE = f"""
    SELECT payload_id, provider, dataset, symbol, max(raw_values) AS error FROM stored
    WHERE array_has(reasons, '{ENGINE_ERROR}') GROUP BY 1, 2, 3, 4 ORDER BY symbol, payload_id
"""  # noqa: S608 - our word


@dataclass(frozen=True)
class ScrubbedLake:
    """What was found in a lake.

    Attributes:
        tables: Each table that exists, with its damaged files.
        bytes_damages: Payloads and flat files whose bytes are not those that their id is the hash of.
        lost: Tables that lack a commit which a run has recorded.
        stuck: Stages whose last run was blocked or failed, each with its reason.
    """

    tables: tuple[ScrubbedTable, ...]
    bytes_damages: tuple[Damage, ...]
    lost: tuple[LostCommits, ...]
    stuck: tuple[str, ...]

    @property
    def damages(self) -> list[Damage]:
        """Every damaged file."""
        return [*chain.from_iterable(table.damages for table in self.tables), *self.bytes_damages]

    @property
    def damaged_tables(self) -> list[Table]:
        """The tables with a damage or a lost commit, in the order of the layers."""
        found = {damage.table for damage in self.damages} | {lost.table for lost in self.lost}
        return [table for table in ALL_TABLES if table in found]


def scrub(lake: Lake) -> ScrubbedLake:
    """Reads every live file of every table, every log, and every body of Bronze.

    Raises:
        LakeError: the store does not answer.
    """
    tables = []
    for number, table in enumerate(ALL_TABLES):
        report_progress("scrub", number, len(ALL_TABLES))
        if (found := scrub_table(lake, table)) is not None:
            tables.append(found)
    sound = {found.table for found in tables if not found.damages}
    bodies = tuple(chain(changed_bodies(lake, sound), changed_files(lake, sound)))
    has_runs = RUNS in sound
    report_progress("scrub", len(ALL_TABLES), len(ALL_TABLES))
    return ScrubbedLake(
        tuple(tables),
        bodies,
        tuple(lost_commits(lake, sound)) if has_runs else (),
        tuple(_stuck(lake)) if has_runs else (),
    )


def quarantined_payloads(lake: Lake) -> list[str]:
    """The payloads on which an engine failed, each with its error; empty if there is no quarantine.

    Raises:
        LakeError: the quarantine cannot be read.
    """
    return [
        f"payload {row['payload_id']} ({row['provider']} {row['dataset']} {row['symbol']}): {row['error']}"
        for row in _rows(lake, QUARANTINE, _SET_ASIDE)
    ]


def _stuck(lake: Lake) -> list[str]:
    rows = _rows(lake, RUNS, _STUCK)
    ended_badly = [row for row in rows if row["status"] in {"blocked", "failed"}]
    return [f"{row['stage']} of {row['subject']} {row['status']}: {row['detail']}" for row in ended_badly]


def _rows(lake: Lake, table: Table, sql: str) -> Sequence[dict[str, object]]:
    found = query_rows(lake, table, sql)
    return [] if found is None else found.to_pylist()
