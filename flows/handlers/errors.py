"""The one error that leaves a handler, and the classes a caller decides by."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from flows.handlers.models import RawPayload


class ErrorClass(StrEnum):
    """Why there is no data; the value is what `bronze.dead_letters` stores."""

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


_REMEDIES: Final = {
    ErrorClass.too_fast: "ask again later, or lower the rate of the configured plan",
    ErrorClass.quota_exhausted: "wait until the quota renews, or configure a larger plan",
    ErrorClass.not_entitled: "leave this dataset out, or subscribe to a plan that includes it",
    ErrorClass.bad_credentials: "set the provider's API key, and check that it is spelled right",
    ErrorClass.bad_symbol: "correct the symbol or the parameters in the watch list",
    ErrorClass.no_data: "nothing, unless the provider should know this symbol",
    ErrorClass.malformed: "ask again; if it stays, look at the body in the dead letters",
    ErrorClass.unavailable: "ask again later, and check the network and the provider's status",
}


class ProviderError(Exception):
    """A provider gave no data: wanted, found, what to do.

    `payload` is the redacted answer for the dead letters, None where nothing was received.
    `retry_after_seconds` is how long to wait before asking again, None where nobody said; `attempt` is the
    number of the attempt that it ended, 1 the first.
    The texts given must already be free of secrets. It can be pickled, so it can cross processes.
    """

    def __init__(
        self,
        error_class: ErrorClass,
        wanted: str,
        found: str,
        *,
        payload: RawPayload | None = None,
        retry_after_seconds: float | None = None,
        remedy: str | None = None,
        attempt: int = 1,
    ) -> None:
        # All positional arguments and nothing else: so pickle can make it again, the rest follows as state.
        super().__init__(error_class, wanted, found)
        self.error_class = error_class
        self.wanted = wanted
        self.found = found
        self.payload = payload
        self.retry_after_seconds = retry_after_seconds
        self.attempt = attempt
        self.remedy = remedy or error_class.remedy

    def __str__(self) -> str:
        """One line for a log or a terminal."""
        return f"{self.error_class}: wanted {self.wanted}; found {self.found}; to do: {self.remedy}"

    @property
    def stops_provider(self) -> bool:
        """Whether no further call to this provider makes sense in this run."""
        return self.error_class in {ErrorClass.bad_credentials, ErrorClass.quota_exhausted}
