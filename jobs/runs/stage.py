"""A stage of a run: how it ended, and the one way to record that in ops.runs."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields

from delta_tables.storage.lake import LakeError
from delta_tables.table import SchemaMismatch
from jobs.runs.clock import utc_now
from jobs.runs.records import store_early_starts, store_records, store_starts
from jobs.runs.run_context import RunContext
from jobs.runs.table_versions import written_versions
from quality.gate_result import GateFailed, GateResult

Errors = tuple[type[Exception], ...]
BLOCKING: Errors = (GateFailed, SchemaMismatch)
_MAX_ERROR_CHARS = 500


@dataclass(frozen=True)
class StageResult:
    """How a stage ended; `seconds` is wall time, rows_bad counts quarantined rows or failed requests.

    `gates` are the results of the gates that its batches went through; they are stored in ops.gate_results.
    `table_versions` need not name what this process has written: that is added where it is recorded.
    """

    stage: str
    subject: str
    status: str
    seconds: float = 0.0
    rows_in: int = 0
    rows_out: int = 0
    rows_bad: int = 0
    bronze_version: int | None = None
    consumed_runs: tuple[str, ...] = ()
    detail: str | None = None
    table_ids: str | None = None
    gates: tuple[GateResult, ...] = ()
    table_versions: tuple[dict[str, object], ...] = ()

    @property
    def columns(self) -> dict[str, object]:
        """The values that ops.runs stores, by column."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "gates"}
        lists = {
            "consumed_runs": list(self.consumed_runs),
            "table_versions": list(self.table_versions) or None,
        }
        return {**values, **lists}


@dataclass
class OpenStage:
    """What a stage has done so far; its block fills this in. `result` is there once the stage has ended.

    `source` names the batch in front of the error that blocked it.
    """

    status: str = "done"
    source: str | None = None
    rows_in: int = 0
    rows_out: int = 0
    rows_bad: int = 0
    bronze_version: int | None = None
    consumed_runs: Sequence[str] = ()
    detail: str | None = None
    table_ids: str | None = None
    gates: list[GateResult] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _result: StageResult | None = None

    @property
    def seconds(self) -> float:
        """The wall time since it began."""
        return time.monotonic() - self._began

    def ended(self, stage: str, subject: str) -> StageResult:
        """The result as it is now."""
        return StageResult(
            stage,
            subject,
            self.status,
            self.seconds,
            self.rows_in,
            self.rows_out,
            self.rows_bad,
            self.bronze_version,
            tuple(self.consumed_runs),
            self.detail,
            self.table_ids,
            tuple(self.gates),
        )

    def blocked(self, stage: str, subject: str, failure: Exception) -> StageResult:
        """The result after an error that blocks the stage; a gate's result is part of it."""
        detail = f"{self.source}: {failure}" if self.source else str(failure)
        gates = (*self.gates, *failed_gates(failure))
        return StageResult(stage, subject, "blocked", self.seconds, detail=detail, gates=gates)

    @property
    def result(self) -> StageResult:
        """How the stage ended."""
        if self._result is None:
            raise RuntimeError("the stage has not ended yet")
        return self._result


def record(ctx: RunContext, result: StageResult) -> StageResult:
    """Appends the result to ops.runs and returns it; inside `deferred_records` it may wait.

    Raises:
        LakeError: it could not be stored.
    """
    record_all(ctx, [result])
    return result


def record_all(ctx: RunContext, results: Sequence[StageResult]) -> None:
    """Appends the results to ops.runs in one commit; inside `deferred_records` they may wait.

    Raises:
        LakeError: they could not be stored.
    """
    if results:
        store_records(ctx, _rows(ctx, results), may_wait=True)


def _rows(ctx: RunContext, results: Sequence[StageResult]) -> list[dict[str, object]]:
    """The rows of ops.runs; the last one has the versions of the tables that were written before."""
    ended = {"run_id": ctx.run_id, "at": utc_now()}
    rows = [result.columns | ended for result in results]
    rows[-1]["table_versions"] = [*results[-1].table_versions, *written_versions(ctx.lake)] or None
    return rows


def record_start(ctx: RunContext, stage: str, subject: str, detail: str | None = None) -> None:
    """Records that a stage starts; before a table changes, so that what a killed run left can be found."""
    store_starts(ctx, _rows(ctx, [StageResult(stage, subject, "started", detail=detail)]))


def record_early_starts(ctx: RunContext, stages: Sequence[tuple[str, str]]) -> None:
    """Records in one commit that these stages, each with its subject, start; inside `deferred_records`."""
    if stages:
        store_early_starts(ctx, _rows(ctx, [StageResult(*each, "started") for each in stages]))


@contextmanager
def recorded_stage(
    ctx: RunContext, stage: str, subject: str, blocked_by: Errors = BLOCKING
) -> Iterator[OpenStage]:
    """Records that a stage started, runs the block, and records how it ended.

    The end is recorded as `recorded_outcome` does.
    """
    record_start(ctx, stage, subject)
    with recorded_outcome(ctx, stage, subject, blocked_by) as open_stage:
        yield open_stage


@contextmanager
def recorded_outcome(
    ctx: RunContext, stage: str, subject: str, blocked_by: Errors = BLOCKING
) -> Iterator[OpenStage]:
    """Runs the block and records how the stage ended: done, blocked or failed.

    An error of `blocked_by` (a batch that its gate refused, or that has another schema) blocks the stage:
    that is its result, and the error ends here. Any other error is recorded and goes on to the caller.
    """
    open_stage = OpenStage()
    with recorded_failure(ctx, stage, subject):
        try:
            yield open_stage
        except blocked_by as failure:
            result = open_stage.blocked(stage, subject, failure)
        else:
            result = open_stage.ended(stage, subject)
        open_stage._result = record(ctx, result)


@contextmanager
def recorded_failure(ctx: RunContext, stage: str, subject: str) -> Iterator[None]:
    """Records an error of the block as the stage's end, and lets it go on to the caller.

    Where the log cannot be written either (a full disk), the block's error is still the one to be seen.
    """
    began = time.monotonic()
    try:
        yield
    except Exception as error:
        with suppress(LakeError):
            record(ctx, failed_result(stage, subject, time.monotonic() - began, error))
        raise


def failed_result(stage: str, subject: str, seconds: float, error: Exception) -> StageResult:
    """The result of a stage that ended by an error."""
    detail = f"{type(error).__name__}: {error}"[:_MAX_ERROR_CHARS]
    return StageResult(stage, subject, "failed", seconds, detail=detail)


def failed_gates(failure: Exception) -> tuple[GateResult, ...]:
    """The gate result inside a GateFailed; none for an error that comes before the gate."""
    return (failure.result,) if isinstance(failure, GateFailed) else ()
