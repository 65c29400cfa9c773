"""Faults on demand: what goes wrong, for which requests, and how often."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from threading import Lock

from flows.simulator.market.random_seeds import stable_share


class FaultKind(StrEnum):
    """The kinds of faults; the first four change the data, the others the transport."""

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
    """A requested fault is invalid."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault; empty `symbols` or `functions` mean all (a currency pair is the symbol EURUSD).

    Which requests are affected depends on the seed and on how often the same function and symbol have been
    requested, not on the order in which threads arrive.
    """

    kind: FaultKind
    rate: float = 1.0  # the share of affected requests; for corrections, the share of bars
    count: int | None = None  # the highest number of affected requests (not for corrections)
    seed: int = 0
    symbols: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    seconds: float = 0.0  # late_bars: the delay; timeout: how long it hangs; http_429: Retry-After
    bars: int = 1  # late_bars, duplicates: how many of the newest bars
    at: datetime | None = None  # corrections: known from this instant on; None means always
    keys: tuple[str, ...] = ()  # corrections: only these bars, by the key they are served with
    status: int = 500  # echo_key: 500, or 200 like the real vendor

    def __post_init__(self) -> None:
        _require(0.0 <= self.rate <= 1.0, f"rate must be between 0 and 1; found {self.rate}")
        _require(self.count is None or self.count >= 0, f"count must not be negative; found {self.count}")
        _require(self.seconds >= 0, f"seconds must not be negative; found {self.seconds}")
        _require(self.bars >= 1, f"bars must be at least 1; found {self.bars}")
        _require(self.at is None or self.at.tzinfo is not None, f"at needs a UTC offset; found {self.at}")
        _require(self.status in _ECHO_STATUSES, f"status must be 200 or 500; found {self.status}")
        _require(
            self.kind is not FaultKind.CORRECTIONS or self.count is None,
            "corrections take a rate or keys, not a count, because a corrected bar stays corrected",
        )

    def applies_to(self, function: str, symbol: str) -> bool:
        """Whether requests for this function and symbol can be affected."""
        return (not self.functions or function in self.functions) and (
            not self.symbols or symbol in self.symbols
        )


class FaultPlan:
    """The faults in force, and how often each has occurred."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        self._request_counts: Counter[tuple[int, str, str]] = Counter()
        self._fault_counts: Counter[int] = Counter()
        self._lock = Lock()

    def active_faults(self, function: str, symbol: str) -> tuple[Fault, ...]:
        """The faults of the next request for this function and symbol, at most one of them of transport."""
        active: list[Fault] = []
        with self._lock:
            for number, fault in enumerate(self.faults):
                if fault.kind not in DATA_FAULTS and transport_fault(active) is not None:
                    continue
                if fault.applies_to(function, symbol) and self._occurs(number, fault, function, symbol):
                    active.append(fault)
        return tuple(active)

    def _occurs(self, number: int, fault: Fault, function: str, symbol: str) -> bool:
        if fault.kind is FaultKind.CORRECTIONS:
            return True
        if fault.count is not None and self._fault_counts[number] >= fault.count:
            return False
        target = (number, function, symbol)
        self._request_counts[target] += 1
        share = stable_share("fault", fault.seed, fault.kind, function, symbol, self._request_counts[target])
        occurs = share < fault.rate
        self._fault_counts[number] += occurs
        return occurs


def transport_fault(faults: Sequence[Fault]) -> Fault | None:
    """The first fault that changes the transport, or None."""
    return next((fault for fault in faults if fault.kind not in DATA_FAULTS), None)


def data_faults(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """The faults that change the data."""
    return tuple(fault for fault in faults if fault.kind in DATA_FAULTS)


def faults_of_kind(kind: FaultKind, faults: Iterable[Fault]) -> list[Fault]:
    """The faults of one kind."""
    return [fault for fault in faults if fault.kind is kind]


def parse_faults(text: str) -> tuple[Fault, ...]:
    """The faults that a JSON list of objects describes; raises InvalidFaultError with the reason."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidFaultError(f"Faults must be a JSON list; this is not JSON: {error}.") from error
    if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
        raise InvalidFaultError('Faults must be a JSON list of objects, like [{"kind": "http_503"}].')
    return tuple(_fault(item) for item in document)


def dump_faults(faults: Sequence[Fault]) -> str:
    """The JSON from which `parse_faults` makes the same faults."""
    return json.dumps([asdict(fault) for fault in faults], default=datetime.isoformat)


def _fault(item: Mapping[str, object]) -> Fault:
    known = {field.name for field in fields(Fault)}
    if unknown := sorted(set(item) - known):
        raise InvalidFaultError(
            f"A fault has no field {', '.join(unknown)}. Its fields are {', '.join(sorted(known))}."
        )
    if "kind" not in item:
        raise InvalidFaultError(f"A fault needs a kind, one of {', '.join(FaultKind)}; found none.")
    try:
        return Fault(**{name: _value(name, value) for name, value in item.items()})  # type: ignore[arg-type]  # values are checked by _value
    except (TypeError, ValueError) as error:
        raise InvalidFaultError(f"The fault {json.dumps(item)} is invalid: {error}.") from error


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
            raise ValueError(f"{name} must not be {json.dumps(value)}")


def _require(is_met: object, requirement: str) -> None:
    if not is_met:
        raise InvalidFaultError(requirement)
