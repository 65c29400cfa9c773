"""`lakehouse doctor --deep`: what a reading of the whole lake says."""

from collections.abc import Iterable, Sequence

from flows.cli.context import CliContext
from flows.cli.errors import one_line
from flows.cli.maintenance.doctor import Finding
from jobs.pipelines.scrub import ScrubbedLake, scrub

_SHOWN = 50
_REMEDY = "`lakehouse repair` builds Silver and Gold again; files of Bronze come from a backup"


def examine_deeply(cli: CliContext) -> list[Finding]:
    """A finding per question; each names what is not well."""
    try:
        cli.require_lake()
        found = scrub(cli.lake)
    except Exception as error:
        return [Finding("files", is_well=False, found=one_line(error))]
    return [
        _finding("files", list(map(str, found.damages)), _files(found), _REMEDY),
        _finding("recorded versions", list(map(str, found.lost)), "no table has lost a commit"),
        _finding("stages", found.stuck, "no table was blocked or failed in its last build"),
    ]


def _files(found: ScrubbedLake) -> str:
    files = sum(table.files for table in found.tables)
    unproven = sum(table.unproven for table in found.tables)
    text = f"{files} live files of {len(found.tables)} tables are as they were written"
    if unproven:
        text += f", but {unproven} of them have no checksum yet: `lakehouse maintain` records what is missing"
    return text


def _finding(what: str, faults: Sequence[str], well: str, remedy: str = "") -> Finding:
    if not faults:
        return Finding(what, is_well=True, found=well)
    return Finding(
        what,
        is_well=False,
        found="; ".join([f"{len(faults)} found", *_some(faults), *filter(None, [remedy])]),
    )


def _some(lines: Sequence[str]) -> Iterable[str]:
    left = len(lines) - _SHOWN
    return [*lines[:_SHOWN], *([f"and {left} more"] if left > 0 else [])]
