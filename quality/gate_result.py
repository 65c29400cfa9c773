"""The result of a gate for one batch: plain values, no engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["pass", "warn", "fail", "not_evaluated"]
Status = Literal["pass", "warn", "fail", "error"]

EXIT_CODES: Mapping[Status, int] = {"pass": 0, "warn": 1, "fail": 2, "error": 3}


@dataclass(frozen=True)
class CheckOutcome:
    """One check and what it measured.

    `column` is None where a check concerns the whole batch; `value` is None where nothing was measured.
    """

    name: str
    column: str | None
    outcome: Outcome
    value: float | str | None


@dataclass(frozen=True)
class GateResult:
    """Everything that the gate measured of one batch."""

    dataset: str
    outcomes: tuple[CheckOutcome, ...]
    errors: tuple[str, ...]
    seconds: float
    row_count: int

    @property
    def status(self) -> Status:
        """The worst outcome; a batch of which nothing was measured is an error, not a pass."""
        found = {outcome.outcome for outcome in self.outcomes}
        if self.errors or not found or "not_evaluated" in found:
            return "error"
        if "fail" in found:
            return "fail"
        return "warn" if "warn" in found else "pass"

    @property
    def is_publishable(self) -> bool:
        """Whether readers may see the batch: it passed, with or without warnings."""
        return self.status in ("pass", "warn")

    @property
    def exit_code(self) -> int:
        """The process exit code: 0 pass, 1 warn, 2 fail, 3 error."""
        return EXIT_CODES[self.status]

    @property
    def failed(self) -> tuple[CheckOutcome, ...]:
        """The checks that keep the batch from being published: failed, or not evaluated."""
        return tuple(o for o in self.outcomes if o.outcome in ("fail", "not_evaluated"))

    def summary(self) -> str:
        """One line for a log: dataset, status, how many checks, and what is wrong."""
        passed = sum(o.outcome == "pass" for o in self.outcomes)
        line = (
            f"{self.dataset}: {self.status}, {passed} of {len(self.outcomes)} checks passed, "
            f"{self.row_count} rows, {self.seconds:.2f} s"
        )
        warned = tuple(o for o in self.outcomes if o.outcome == "warn")
        wrong = [_describe(o) for o in (*self.failed, *warned)] + list(self.errors)
        return " ".join(f"{line}; {'; '.join(wrong)}".split()) if wrong else line


class GateFailed(Exception):
    """A batch that must not be published; `result` holds what was measured."""

    def __init__(self, result: GateResult) -> None:
        self.result = result
        super().__init__(
            f"the batch of {result.dataset} did not pass its checks: {result.summary()}; nothing was "
            "published: correct the data or the rule, then replay the batch from Bronze"
        )


def require_pass(result: GateResult) -> None:
    """Returns if the batch may be published; raises GateFailed otherwise."""
    if not result.is_publishable:
        raise GateFailed(result)


def _describe(outcome: CheckOutcome) -> str:
    measured = "nothing measured" if outcome.value is None else f"found {outcome.value}"
    return f"{outcome.outcome}: {outcome.name} ({measured})"
