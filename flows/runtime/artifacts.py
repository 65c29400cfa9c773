"""What a run leaves in Prefect's UI: the gate report, the summary table, an event for each refusal."""

from collections.abc import Sequence

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.events import emit_event

from flows.ingestion.fetch_payloads import Fetched
from jobs.pipelines.silver_payloads import Built
from jobs.runs.run_log import StageResult
from quality.markdown import gate_markdown


def publish_artifacts(fetched: Sequence[Fetched], built: Sequence[Built]) -> None:
    """Creates the artifacts `run-summary` and `gate-report`, and an event for each blocked table."""
    stages = [each.result for each in fetched] + [each.result for each in built]
    create_table_artifact(summary_rows(stages), key="run-summary", description="Time and rows a stage")
    gates = [gate for each in built for gate in each.gates]
    if gates:
        create_markdown_artifact(
            gate_markdown(gates), key="gate-report", description="Each check of each gate"
        )
    for each in built:
        if each.result.status == "blocked":
            subject = each.result.subject
            emit_event(
                "market-lakehouse.gate.refused",
                {"prefect.resource.id": f"market-lakehouse.table.{subject}"},
                payload={"detail": each.result.detail},
            )


def summary_rows(stages: Sequence[StageResult]) -> list[dict[str, str | int | float | None]]:
    """One row a stage for a person: what, how it ended, seconds and rows."""
    return [
        {
            "stage": stage.stage,
            "subject": stage.subject,
            "status": stage.status,
            "seconds": round(stage.seconds, 2),
            "rows in": stage.rows_in,
            "rows out": stage.rows_out,
            "set aside": stage.rows_bad,
            "detail": stage.detail,
        }
        for stage in stages
    ]
