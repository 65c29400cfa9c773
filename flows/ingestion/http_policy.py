"""How patiently a provider is requested, from its settings."""

from typing import Final, Protocol

from flows.handlers.transport.retry import HttpPolicy

# Longer than a minute: limits per minute are waited out, limits per day or month are not.
MAX_PAUSE_SECONDS: Final = 120.0


class HttpSettings(Protocol):
    """The settings that every provider over HTTP has."""

    @property
    def timeout_seconds(self) -> float:
        """How long to wait for a response."""

    @property
    def attempts(self) -> int:
        """How often a request is made in all."""

    @property
    def threads(self) -> int:
        """How many requests are made at once."""


def http_policy(settings: HttpSettings) -> HttpPolicy:
    """The HTTP client's policy under these settings."""
    return HttpPolicy(
        max_retry_after_seconds=MAX_PAUSE_SECONDS,
        read_timeout_seconds=settings.timeout_seconds,
        attempts=settings.attempts,
        pool_size=settings.threads,
    )
