"""Appends what a provider returned to Bronze: data to raw_payloads, errors to dead_letters."""

from collections.abc import Sequence
from datetime import datetime

from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import ABANDONED, DEAD_LETTERS, RAW_PAYLOADS, RETRIED
from flows.handlers.errors import ProviderError
from flows.handlers.models import Query, RawPayload
from flows.handlers.transport.retry import FailedAttempt

_NO_STATUS = 0
_MAX_SYMBOL_CHARS = 100
_MAX_ERROR_CHARS = 1000


def append_payloads(lake: Lake, payloads: Sequence[RawPayload], run_id: str) -> None:
    """Appends the payloads to bronze.raw_payloads in one commit.

    Raises:
        LakeError: they could not be stored.
    """
    append_rows(lake, RAW_PAYLOADS, [_row(payload, run_id) for payload in payloads])


def append_dead_letters(
    lake: Lake,
    provider: str,
    failures: Sequence[tuple[Query, ProviderError]],
    run_id: str,
    now: datetime,
    attempts: Sequence[FailedAttempt] = (),
) -> None:
    """Appends failed queries and retried attempts to bronze.dead_letters in one commit.

    Without a response the body is empty. The error that ended a query is not among its attempts.

    Raises:
        LakeError: they could not be stored.
    """
    retried = [
        {
            **_row(attempt.error.payload or _empty_response_to_attempt(attempt), run_id),
            **_error_columns(attempt.error),
            "outcome": RETRIED,
        }
        for attempt in attempts
    ]
    abandoned = [
        {
            **_row(error.payload or _empty_response(provider, query, now), run_id),
            **_error_columns(error),
            "outcome": ABANDONED,
        }
        for query, error in failures
    ]
    append_rows(lake, DEAD_LETTERS, retried + abandoned)


def _row(payload: RawPayload, run_id: str) -> dict[str, object]:
    return {**vars(payload), "payload_id": payload.payload_id, "run_id": run_id}


def _error_columns(error: ProviderError) -> dict[str, object]:
    return {
        "error_class": str(error.error_class),
        "error": str(error)[:_MAX_ERROR_CHARS],
        "attempt": error.attempt,
    }


def _empty_response(provider: str, query: Query, now: datetime) -> RawPayload:
    """The payload of a query that ended without a response."""
    symbol = query.symbol[:_MAX_SYMBOL_CHARS]
    return RawPayload(
        provider=provider,
        dataset=query.dataset,
        symbol=symbol,
        interval=query.interval,
        request=f"{query.dataset} {symbol}",
        status=_NO_STATUS,
        content_type="",
        fetched_at=now,
        body=b"",
        is_simulated=False,
    )


def _empty_response_to_attempt(attempt: FailedAttempt) -> RawPayload:
    """The payload of an attempt that brought no response."""
    return RawPayload(
        provider=attempt.provider,
        dataset=attempt.dataset,
        symbol=attempt.symbol[:_MAX_SYMBOL_CHARS],
        interval=attempt.interval,
        request=attempt.request,
        status=_NO_STATUS,
        content_type="",
        fetched_at=attempt.at,
        body=b"",
        is_simulated=False,
    )
