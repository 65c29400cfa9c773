"""What a flow run shows in Prefect: its artifacts, an event per blocked table, and the state it ends in."""

from collections.abc import Callable, Sequence

from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas import State
from prefect.events import emit_event
from prefect.states import Completed

from flows.operations.run_summary import BuildBlocked, RunSummary
from jobs.runs.stage import StageResult
from quality.gate_markdown import gate_markdown


def report_run(run: Callable[[], RunSummary]) -> State[RunSummary]:
    """Calls the run, publishes its artifacts, and returns the state in which the flow run ends.

    Completed, Completed named CompletedWithFailures, or Completed named Skipped if there was nothing to do.

    Raises:
        BuildBlocked: a gate refused a batch; the artifacts, which show why, are published first.
    """
    try:
        summary = run()
    except BuildBlocked as blocked:
        _warn_of_skipped(blocked.summary)
        publish_artifacts(blocked.summary.stages)
        raise
    if summary.nothing_to_do:
        return Completed(name="Skipped", message=summary.nothing_to_do, data=summary)
    _warn_of_skipped(summary)
    publish_artifacts(summary.stages)
    if not summary.has_failures:
        return Completed(data=summary)
    return Completed(name="CompletedWithFailures", message=summary.failures_text, data=summary)


def _warn_of_skipped(summary: RunSummary) -> None:
    for skipped in summary.skipped_providers:
        get_run_logger().warning("%s", skipped)


def publish_artifacts(stages: Sequence[StageResult]) -> None:
    """Creates the artifacts `run-summary` and `gate-report`, and an event for each blocked table."""
    create_table_artifact(summary_rows(stages), key="run-summary", description="Time and rows per stage")
    gates = [gate for stage in stages for gate in stage.gates]
    if gates:
        create_markdown_artifact(
            gate_markdown(gates), key="gate-report", description="Each check of each gate"
        )
    for stage in stages:
        if stage.status == "blocked":
            emit_event(
                "market-lakehouse.gate.refused",
                {"prefect.resource.id": f"market-lakehouse.table.{stage.subject}"},
                payload={"detail": stage.detail},
            )


def summary_rows(stages: Sequence[StageResult]) -> list[dict[str, str | int | float | None]]:
    """One row per stage for a person: what, how it ended, seconds and rows."""
    return [
        {
            "stage": stage.stage,
            "subject": stage.subject,
            "status": stage.status,
            "seconds": round(stage.seconds, 2),
            "rows in": stage.rows_in,
            "rows out": stage.rows_out,
            "quarantined": stage.rows_bad,
            "detail": stage.detail,
        }
        for stage in stages
    ]
