"""The errors that leave a handler, and the classes by which a caller decides."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from flows.handlers.models import RawPayload


class ErrorClass(StrEnum):
    """Why there is no data; `bronze.dead_letters` stores the value."""

    too_fast = "too_fast"
    quota_exhausted = "quota_exhausted"
    not_entitled = "not_entitled"
    bad_credentials = "bad_credentials"
    bad_symbol = "bad_symbol"
    no_data = "no_data"
    malformed = "malformed"
    unavailable = "unavailable"

    @property
    def remedy(self) -> str:
        """What a person can do about it, as the end of a sentence."""
        return _REMEDIES[self]


_MAX_SHOWN_CHARS: Final = 40

_REMEDIES: Final = {
    ErrorClass.too_fast: "try again later, or set a subscription plan with a lower rate limit",
    ErrorClass.quota_exhausted: "wait until the quota renews, or upgrade your subscription plan",
    ErrorClass.not_entitled: "remove this dataset, or upgrade to a subscription plan that includes it",
    ErrorClass.bad_credentials: "set the provider's API key, and check its spelling",
    ErrorClass.bad_symbol: "correct the symbol or the parameters in the watch list",
    ErrorClass.no_data: "no action is needed, unless the provider should know this symbol",
    ErrorClass.malformed: "try again; if it persists, look at the body in the dead letters",
    ErrorClass.unavailable: "try again later, and check the network and the provider's status page",
}


class FetchStoppedError(Exception):
    """The fetch was stopped, such as by Ctrl-C. It did not fail, so there is nothing to record."""

    def __str__(self) -> str:
        """One line for a log or a terminal."""
        return "The fetch was stopped before it ended. Run it again to fetch the rest."


class ProviderError(Exception):
    """A provider returned no data: what was expected, what was found, and what to do.

    `payload` is the redacted response for the dead letters, None if nothing was received.
    `retry_after_seconds` is how long to wait before the next request, None if unknown. `attempt` is the
    number of the attempt that the error ended, starting at 1.
    The texts passed in must already be free of secrets. The error can be pickled.
    """

    def __init__(
        self,
        error_class: ErrorClass,
        expected: str,
        found: str,
        *,
        payload: RawPayload | None = None,
        retry_after_seconds: float | None = None,
        remedy: str | None = None,
        attempt: int = 1,
    ) -> None:
        # Pickle calls the class with exactly these arguments; the other attributes follow as state.
        super().__init__(error_class, expected, found)
        self.error_class = error_class
        self.expected = expected
        self.found = found
        self.payload = payload
        self.retry_after_seconds = retry_after_seconds
        self.attempt = attempt
        self.remedy = remedy or error_class.remedy

    def __str__(self) -> str:
        """One line for a log or a terminal."""
        return f"{self.error_class}: expected {self.expected}, but found {self.found}; {self.remedy}"

    @property
    def stops_provider(self) -> bool:
        """Whether further calls to this provider are pointless in this run."""
        return self.error_class in {ErrorClass.bad_credentials, ErrorClass.quota_exhausted}


def invalid_query(expected: str, found: str, remedy: str | None = None) -> ProviderError:
    """The error for a query that cannot be sent; `found` is shown shortened and printable."""
    shown = ascii(found[:_MAX_SHOWN_CHARS])
    more = f" and {len(found) - _MAX_SHOWN_CHARS} more characters" if len(found) > _MAX_SHOWN_CHARS else ""
    return ProviderError(ErrorClass.bad_symbol, expected, f"{shown}{more}", remedy=remedy)
