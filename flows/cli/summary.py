"""A run's summary for a person: time and rows per stage, and what is missing."""

from rich.console import Console
from rich.table import Table

from flows.operations.run_summary import RunSummary

_MAX_FAILURES = 10


def print_summary(console: Console, summary: RunSummary) -> None:
    """Prints one line per stage, the total time, and the first failures."""
    if summary.nothing_to_do:
        console.print(f"nothing to do: {summary.nothing_to_do}", markup=False, soft_wrap=True)
        return
    table = Table(title=f"run {summary.run_id}", title_justify="left")
    for name in ("stage", "subject", "status"):
        table.add_column(name)
    for name in ("seconds", "rows in", "rows out", "quarantined"):
        table.add_column(name, justify="right")
    for stage in summary.stages:
        numbers = (f"{stage.rows_in:,}", f"{stage.rows_out:,}", f"{stage.rows_bad:,}")
        table.add_row(stage.stage, stage.subject, stage.status, f"{stage.seconds:.2f}", *numbers)
    console.print(table)
    console.print(f"{summary.seconds:.1f} s from the first request to Gold published")
    for skipped in summary.skipped_providers:
        console.print(f"  {skipped}", markup=False, soft_wrap=True)
    for failure in summary.failures[:_MAX_FAILURES]:
        console.print(
            f"  {failure.dataset} {failure.symbol}: {failure.message}", markup=False, soft_wrap=True
        )
    if len(summary.failures) > _MAX_FAILURES:
        console.print(f"  and {len(summary.failures) - _MAX_FAILURES} more; see bronze.dead_letters")
    if summary.not_requested:
        console.print(f"  {summary.not_requested} queries not sent after the provider refused all")
