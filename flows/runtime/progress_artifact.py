"""Shows a run's progress in Prefect's pages, beside whoever observes it already."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from jobs.runs.progress import Observer, current_observer, observed_by

_STEP_PCT = 5.0


@contextmanager
def progress_artifact(key: str) -> Iterator[None]:
    """Creates the artifact, and updates it in steps of 5 % with the progress of what runs inside."""
    created = create_progress_artifact(0.0, key=key, description="Queries completed")
    artifact = cast(UUID, created)
    with observed_by(_in_steps(artifact, current_observer())):
        yield


def _in_steps(artifact: UUID, observer: Observer) -> Observer:
    shown: dict[str, float] = {}

    def show(subject: str, done: int, total: int) -> None:
        observer(subject, done, total)
        pct = 100.0 * done / max(total, 1)
        if subject != "build" and (pct >= shown.get(subject, 0.0) + _STEP_PCT or done == total):
            shown[subject] = pct
            update_progress_artifact(artifact, pct, description=f"{subject}: {done} of {total}")

    return show
