"""The handlers by provider name: one line each."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from config.load import ConfigError
from flows.handlers import alphavantage
from flows.handlers.records import Query, RawRecord
from flows.handlers.retries import HttpPolicy
from flows.workspace import Workspace

# Longer than the window of a plan by the minute, so that it is waited out; a day's quota is not.
_LONGEST_PAUSE_SECONDS = 120.0


class Handler(Protocol):
    """What a run needs of a provider."""

    def fetch(self, query: Query) -> Iterator[RawRecord]:
        """The answers to one query; ProviderError where the provider refuses or fails."""

    def close(self) -> None:
        """Gives back connections and files."""


def connect(provider: str, work: Workspace) -> Handler:
    """The provider's handler, with the workspace's settings and secrets.

    Raises:
        ConfigError: a provider that there is not, or a secret that is missing.
    """
    if provider not in HANDLERS:
        raise ConfigError(f"no provider {provider!r}; there are {', '.join(HANDLERS)}")
    return HANDLERS[provider](work)


def _alphavantage(work: Workspace) -> Handler:
    settings = work.settings.providers.alphavantage
    key = work.secrets.alphavantage_api_key
    if key is None:
        raise ConfigError(
            "ALPHAVANTAGE_API_KEY is not set: put it in the environment or in .env (see .env.example); "
            "without a key, `make demo` runs on real prices of this machine"
        )
    return alphavantage.connect(
        key.get_secret_value(),
        work.settings.state_dir / "rate_limits",
        plan=settings.plan,
        base_url=str(settings.base_url),
        clock=work.clock,
        max_wait_seconds=_LONGEST_PAUSE_SECONDS,
        policy=HttpPolicy(
            max_retry_after_seconds=_LONGEST_PAUSE_SECONDS,
            read_timeout_seconds=settings.timeout_seconds,
            attempts=settings.attempts,
            pool_size=settings.threads,
        ),
    )


HANDLERS: Mapping[str, Callable[[Workspace], Handler]] = {"alphavantage": _alphavantage}
