"""A verdict and how it is shown; no engine."""

import pytest

from quality.gate import CheckOutcome, GateFailed, GateResult, require_pass
from quality.gate_markdown import gate_markdown
from quality.gate_result import Outcome


def result(*outcomes: Outcome, errors: tuple[str, ...] = ()) -> GateResult:
    checks = tuple(CheckOutcome(f"check {i}", None, o, float(i)) for i, o in enumerate(outcomes))
    return GateResult("silver_bars", checks, errors, 0.25, 1200)


@pytest.mark.parametrize(
    ("verdict", "status", "exit_code", "is_publishable"),
    [
        (result("pass"), "pass", 0, True),
        (result("pass", "warn"), "warn", 1, True),
        (result("warn", "fail"), "fail", 2, False),
        (result("pass", "not_evaluated", "fail"), "error", 3, False),
        (result("pass", errors=("broken",)), "error", 3, False),
        (result(), "error", 3, False),
    ],
)
def test_the_worst_outcome_decides(
    verdict: GateResult, status: str, exit_code: int, is_publishable: bool
) -> None:
    assert (verdict.status, verdict.exit_code, verdict.is_publishable) == (status, exit_code, is_publishable)


def test_a_failed_gate_names_dataset_and_check() -> None:
    with pytest.raises(GateFailed, match=r"silver_bars.*fail: check 1 \(found 1.0\).*replay"):
        require_pass(result("pass", "fail"))


def test_the_summary_is_one_line() -> None:
    line = result("pass", "fail", errors=("first\nsecond",)).summary()
    assert line.startswith("silver_bars: error, 1 of 2 checks passed, 1200 rows, 0.25 s")
    assert "\n" not in line


def test_the_report_has_a_row_a_check_and_keeps_its_table_whole() -> None:
    odd = GateResult(
        "gold_signals", (CheckOutcome("a | b\nc", None, "fail", "x|y"),), ("broke\nhere",), 0.1, 5
    )
    text = gate_markdown([result("pass", "warn"), odd])
    assert "## silver_bars: warn" in text
    assert "| check 1 | warn | 1 |" in text
    assert "| a \\| b c | fail | x\\|y |" in text
    assert "- error: broke here" in text


def test_a_report_of_nothing_says_so() -> None:
    assert "No batch was scanned" in gate_markdown([])
