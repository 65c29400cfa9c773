"""The contents of a health report, and the thresholds beyond which a value is a finding."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from serving.errors import ServingError

GAP, OUTLIER, SPLIT = "gap", "outlier", "split_sized_jump"
STALE, CONSTANT, FEW_TRADES = "stale", "constant_close", "few_trades"
KINDS = (GAP, OUTLIER, SPLIT, STALE, CONSTANT, FEW_TRADES)


@dataclass(frozen=True)
class Thresholds:
    """The values beyond which something is a finding.

    `gap_minutes`: the longest time between neighbours inside a session (for bars at least their interval).
    `sigmas`: the largest deviation; `window` is the number of neighbouring values in the baseline.
    `split_tolerance_pct`: the largest difference of a jump from a split's ratio to be split-sized.
    `stale_sessions`, `constant_sessions`: this many sessions without data, or with one close, or more.
    `min_trades` of a session; where a table has bars, `min_volume` and `min_bars_pct` (of the expected bars)
    apply instead.
    `max_findings` are kept of each kind; `rows_at_once` limits the memory.

    Raises:
        ServingError: a threshold is not a finite number.
    """

    gap_minutes: float = 5.0
    sigmas: float = 5.0
    window: int = 60
    split_tolerance_pct: float = 3.0
    stale_sessions: int = 1
    constant_sessions: int = 5
    min_trades: int = 10
    min_volume: float = 1.0
    min_bars_pct: float = 50.0
    max_findings: int = 100
    rows_at_once: int = 1_000_000

    def __post_init__(self) -> None:
        """Raises a ServingError unless every threshold is a finite number."""
        wrong = [f"{name} {value}" for name, value in vars(self).items() if not math.isfinite(value)]
        if wrong:
            raise ServingError(f"a threshold must be a finite number: {', '.join(wrong)}")


@dataclass(frozen=True)
class HealthRequest:
    """The symbols (none means all) and the sessions, both ends included, that a report covers."""

    symbols: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True)
class HealthFinding:
    """Something unhealthy: the measured value, the threshold that it exceeds, and a `message` with both.

    `started_at` and `ended_at` are instants in UTC, or session dates. `interval` is that of the bars, or
    `tick` for trades and quotes. The unit of `measured` and `threshold` depends on the kind: seconds of a
    gap, sigmas of an outlier, previous close divided by open of a jump, sessions, trades, bars or volume.
    """

    kind: str
    provider: str
    symbol: str
    interval: str
    started_at: date | datetime
    ended_at: date | datetime
    measured: float
    threshold: float
    message: str


@dataclass(frozen=True)
class HealthReport:
    """A table's health: the number of findings of each kind, and the worst of them.

    `rows`, `symbols`, `first` and `last` session describe the rows covered. `counts` has only the kinds that
    apply to the table.
    """

    table: str
    rows: int
    symbols: int
    first: date
    last: date
    counts: Mapping[str, int]
    findings: tuple[HealthFinding, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether there are no findings."""
        return not any(self.counts.values())
