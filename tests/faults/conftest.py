"""The fault table: each test here makes a fault happen, and its last act is to say what came of it.

A test calls `record_property("happened", "one sentence with figures")`. The table at the end has a row per
test: the fault (the name of the test), the result, and that sentence, or the error that the test ended with.
"""

from collections.abc import Iterator

import pytest

from tests.builders.installation_fixtures import (
    cli,
    environment,
    filled,
    full,
    here,
    no_calls_outside,
    simulate,
    simulator,
    still_clock,
)

__all__ = [
    "cli",
    "environment",
    "filled",
    "full",
    "here",
    "no_calls_outside",
    "simulate",
    "simulator",
    "still_clock",
]

_FOLDER = "tests/faults/"
_HEADINGS = ("Fault", "Result", "What happened")
_MAX_ERROR_CHARS = 200


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the table, in Markdown."""
    rows = list(_rows(terminalreporter))
    if not rows:
        return
    terminalreporter.section("faults")
    for row in (_HEADINGS, tuple("---" for _ in _HEADINGS), *rows):
        terminalreporter.write_line(f"| {' | '.join(row)} |")


def _rows(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, str, str]]:
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in reporter.getreports(outcome):
            is_ours = report.nodeid.startswith(_FOLDER)
            if is_ours and (outcome != "passed" or report.when == "call"):
                yield _fault(report.nodeid), outcome, _happened(report)


def _fault(nodeid: str) -> str:
    """The fault in words: `test_an_emptied_log_entry[newest]` is "an emptied log entry, newest"."""
    name = nodeid.partition("::")[2].removeprefix("test_")
    return name.replace("_", " ").replace("[", ", ").replace("]", "").replace("|", "/")


def _happened(report: pytest.TestReport) -> str:
    said = [str(value) for name, value in report.user_properties if name == "happened"]
    error = "" if report.passed else report.longreprtext.strip().rpartition("\n")[2][-_MAX_ERROR_CHARS:]
    return "; ".join([*said, *([error] if error else [])]).replace("|", "/").replace("\n", " ")
