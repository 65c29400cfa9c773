"""What a health report holds, and from where on something counts as unhealthy."""

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
    """From where on something is a finding.

    `gap_minutes`: longer is one; between neighbours inside a session (bars: at least their interval).
    `sigmas`: farther is one; `window` is the number of neighbours that say what is usual.
    `split_tolerance_pct`: a jump is split-sized if it is no farther from a split's ratio.
    `stale_sessions`, `constant_sessions`: so many sessions, or more, without news or with one close.
    `min_trades` of a session: fewer is a finding; `min_volume`, `min_bars_pct` (of the bars to expect)
    stand for it where a table has bars.
    `max_findings` of a kind are kept; `rows_at_once` bounds the memory.

    Raises:
        ServingError: a limit that nothing can be measured by.
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
        """Refuses what is not a number."""
        wrong = [f"{name} {value}" for name, value in vars(self).items() if not math.isfinite(value)]
        if wrong:
            raise ServingError(f"{', '.join(wrong)}: a limit is a finite number")


@dataclass(frozen=True)
class HealthRequest:
    """The symbols (none: all) and the sessions, both ends included, that a report is about."""

    symbols: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True)
class HealthFinding:
    """Something unhealthy: what was measured, in `message` too, and the limit that it is beyond.

    `started_at` to `ended_at`: instants in UTC, or session dates. `interval` is that of the bars; `tick` for
    trades and quotes. The unit of `measured` and `threshold` is the kind's: seconds of a gap, sigmas of an
    outlier, the close before over the open of a jump, sessions, trades, bars or units of volume.
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
    """A table's health: all findings counted by kind, and of each kind the worst of them.

    `rows`, `symbols`, `first` and `last` session say what was looked at. A kind that makes no sense for the
    table is not in `counts`.
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
        """Whether nothing was found."""
        return not any(self.counts.values())
