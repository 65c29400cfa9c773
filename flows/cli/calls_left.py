"""The remaining calls of a limit, as text."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.handlers.rate_limit.windows import RemainingCalls


def calls_left(left: "RemainingCalls") -> str:
    """The calls left of a limit; if none, also when the next one is allowed."""
    later = f", the next at {left.next_at:%Y-%m-%d %H:%M:%S} UTC" if not left.calls else ""
    return f"{left.calls:,} of {left.limit.calls:,} calls left in {span(left.limit.per_seconds)}{later}"


def span(seconds: float) -> str:
    """A length of time in a suitable unit."""
    for size, name in ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.3g} s"
