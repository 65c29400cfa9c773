"""Rows of ops.runs, which may wait so that a run needs few commits; none is lost unless the run is killed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.lake import LakeError
from delta_tables.tables.ops import RUNS
from jobs.runs.run_context import RunContext

Row = Mapping[str, object]
_START_KEY = ("stage", "subject")


@dataclass
class _Waiting:
    """The rows of a run that are not stored yet, and the starts that were stored before their stages."""

    rows: list[Row] = field(default_factory=list)
    starts: set[tuple[object, ...]] = field(default_factory=set)


_WAITING: dict[str, _Waiting] = {}  # by run id


@contextmanager
def deferred_records(ctx: RunContext) -> Iterator[None]:
    """Inside the block, rows about the end of stages wait: for the next start, for a flush, or for its end.

    A run that is killed meanwhile does the stages again of which no end is stored, which changes nothing.
    """
    if ctx.run_id in _WAITING:
        yield
        return
    _WAITING[ctx.run_id] = _Waiting()
    try:
        yield
    except BaseException:
        with suppress(LakeError):  # a full disk; the error of the block is the one to be seen
            flush_records(ctx)
        raise
    else:
        flush_records(ctx)
    finally:
        del _WAITING[ctx.run_id]


def store_records(ctx: RunContext, rows: Sequence[Row], *, may_wait: bool) -> None:
    """Appends the rows in one commit with those that wait, or lets them wait as well.

    Raises:
        LakeError: they could not be stored.
    """
    waiting = _WAITING.get(ctx.run_id)
    if waiting is None:
        append_rows(ctx.lake, RUNS, rows)
        return
    waiting.rows.extend(rows)
    if not may_wait:
        flush_records(ctx)


def store_starts(ctx: RunContext, rows: Sequence[Row]) -> None:
    """Stores rows that say that stages start; such a row that `store_early_starts` has stored is left out.

    Raises:
        LakeError: they could not be stored.
    """
    waiting = _WAITING.get(ctx.run_id)
    early = waiting.starts if waiting else set()
    new = [row for row in rows if _key(row) not in early]
    early.difference_update(map(_key, rows))
    if new:
        store_records(ctx, new, may_wait=False)


def store_early_starts(ctx: RunContext, rows: Sequence[Row]) -> None:
    """Stores the starts of several stages in one commit, before the first of them; only for deferred records.

    Raises:
        LakeError: they could not be stored.
    """
    if waiting := _WAITING.get(ctx.run_id):
        store_records(ctx, rows, may_wait=False)
        waiting.starts.update(map(_key, rows))


def flush_records(ctx: RunContext) -> None:
    """Stores the rows that wait, in one commit.

    Raises:
        LakeError: they could not be stored; they go on waiting.
    """
    if waiting := _WAITING.get(ctx.run_id):
        append_rows(ctx.lake, RUNS, waiting.rows)
        waiting.rows.clear()


def _key(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in _START_KEY)
