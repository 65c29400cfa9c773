"""Faults on demand: what can go wrong, for whom, and how often."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from threading import Lock

from flows.simulator.market.random_seeds import stable_share


class FaultKind(StrEnum):
    """The faults there are; the first four change the data, the others the transport."""

    LATE_BARS = "late_bars"
    CORRECTIONS = "corrections"
    DUPLICATES = "duplicates"
    DISORDER = "disorder"
    HTTP_429 = "http_429"
    HTTP_503 = "http_503"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    HTML = "html"
    ECHO_KEY = "echo_key"


DATA_FAULTS = frozenset(
    {FaultKind.LATE_BARS, FaultKind.CORRECTIONS, FaultKind.DUPLICATES, FaultKind.DISORDER}
)
_ECHO_STATUSES = (200, 500)


class InvalidFaultError(ValueError):
    """A fault that was asked for cannot be made."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault; empty `symbols` or `functions` mean all (a currency pair is the symbol EURUSD).

    Which requests are struck depends on the seed and on how often the same function and symbol have been
    asked, not on the order in which threads arrive.
    """

    kind: FaultKind
    rate: float = 1.0  # the share of requests struck; of corrections, the share of bars
    count: int | None = None  # at most so many requests (not for corrections)
    seed: int = 0
    symbols: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    seconds: float = 0.0  # late_bars: how late; timeout: how long it hangs; http_429: Retry-After
    bars: int = 1  # late_bars, duplicates: how many of the newest bars
    at: datetime | None = None  # corrections: known from this instant on; None is always
    keys: tuple[str, ...] = ()  # corrections: these bars only, by the key they are served with
    status: int = 500  # echo_key: 500, or 200 as the real vendor does

    def __post_init__(self) -> None:
        _require(0.0 <= self.rate <= 1.0, f"rate is a share from 0 to 1; found {self.rate}")
        _require(self.count is None or self.count >= 0, f"count cannot be negative; found {self.count}")
        _require(self.seconds >= 0, f"seconds cannot be negative; found {self.seconds}")
        _require(self.bars >= 1, f"bars is at least 1; found {self.bars}")
        _require(self.at is None or self.at.tzinfo is not None, f"at needs an offset; found {self.at}")
        _require(self.status in _ECHO_STATUSES, f"status is 200 or 500; found {self.status}")
        _require(
            self.kind is not FaultKind.CORRECTIONS or self.count is None,
            "corrections take a rate or keys, not a count: a corrected bar stays corrected",
        )

    def concerns(self, function: str, symbol: str) -> bool:
        """Whether requests for this function and symbol can be struck."""
        return (not self.functions or function in self.functions) and (
            not self.symbols or symbol in self.symbols
        )


class FaultPlan:
    """The faults in force, and how often each has struck."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        self._asked: Counter[tuple[int, str, str]] = Counter()
        self._struck: Counter[int] = Counter()
        self._lock = Lock()

    def strike(self, function: str, symbol: str) -> tuple[Fault, ...]:
        """The faults of this request, at most one of them of transport."""
        struck: list[Fault] = []
        with self._lock:
            for number, fault in enumerate(self.faults):
                is_taken = any(other.kind not in DATA_FAULTS for other in struck)
                if is_taken and fault.kind not in DATA_FAULTS:
                    continue
                if fault.concerns(function, symbol) and self._hits(number, fault, function, symbol):
                    struck.append(fault)
        return tuple(struck)

    def _hits(self, number: int, fault: Fault, function: str, symbol: str) -> bool:
        if fault.kind is FaultKind.CORRECTIONS:
            return True
        if fault.count is not None and self._struck[number] >= fault.count:
            return False
        request = (number, function, symbol)
        self._asked[request] += 1
        share = stable_share("fault", fault.seed, fault.kind, function, symbol, self._asked[request])
        hits = share < fault.rate
        self._struck[number] += hits
        return hits


def parse_faults(text: str) -> tuple[Fault, ...]:
    """The faults that a JSON list of objects describes; raises InvalidFaultError, saying what is wrong."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidFaultError(f"Faults are a JSON list of objects; found no JSON: {error}.") from error
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InvalidFaultError('Faults are a JSON list of objects, like [{"kind": "http_503"}].')
    return tuple(_fault(item) for item in found)


def dump_faults(faults: Sequence[Fault]) -> str:
    """The JSON from which `parse_faults` makes the same faults."""
    return json.dumps([asdict(fault) for fault in faults], default=datetime.isoformat)


def _fault(item: Mapping[str, object]) -> Fault:
    known = {field.name for field in fields(Fault)}
    if unknown := sorted(set(item) - known):
        raise InvalidFaultError(f"A fault has no {', '.join(unknown)}; it has {', '.join(sorted(known))}.")
    try:
        return Fault(**{name: _value(name, value) for name, value in item.items()})  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InvalidFaultError(f"The fault {json.dumps(item)} cannot be made: {error}.") from error


def _value(name: str, value: object) -> object:
    match name, value:
        case "kind", str():
            return FaultKind(value)
        case "at", str():
            return datetime.fromisoformat(value)
        case "symbols" | "functions" | "keys", list() if all(isinstance(item, str) for item in value):
            return tuple(value)
        case ("rate" | "seconds", int() | float()) | ("bars" | "count" | "seed" | "status", int()):
            return value
        case "at" | "count", None:
            return None
        case _:
            raise ValueError(f"{name} cannot be {json.dumps(value)}")


def _require(is_met: object, requirement: str) -> None:
    if not is_met:
        raise InvalidFaultError(requirement)
