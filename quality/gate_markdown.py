"""Gate results as markdown, for a person."""

from collections.abc import Sequence

from quality.gate_result import GateResult


def gate_markdown(results: Sequence[GateResult]) -> str:
    """One section per dataset: status, rows and seconds, its errors, a table of check, outcome and value."""
    if not results:
        return "# Gate\n\nNo batch was scanned.\n"
    return "# Gate\n\n" + "\n".join(_section(result) for result in results)


def _section(result: GateResult) -> str:
    head = f"## {result.dataset}: {result.status}\n\n{result.row_count:,} rows, {result.seconds:.2f} s\n"
    errors = "".join(f"\n- error: {_cell(error)}" for error in result.errors)
    rows = "".join(f"| {_cell(o.name)} | {o.outcome} | {_cell(_value(o.value))} |\n" for o in result.outcomes)
    table = f"\n| check | outcome | value |\n|---|---|---|\n{rows}" if rows else ""
    return f"{head}{errors}{chr(10) if errors else ''}{table}"


def _value(value: float | str | None) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
