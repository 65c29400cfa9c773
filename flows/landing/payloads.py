"""Lands what a provider answered: data in bronze.raw_payloads, errors in bronze.dead_letters."""

from collections.abc import Sequence
from datetime import datetime

from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import ASKED_AGAIN, DEAD_LETTERS, GIVEN_UP, RAW_PAYLOADS
from flows.handlers.errors import ProviderError
from flows.handlers.models import Query, RawPayload
from flows.handlers.transport.retry import FailedAttempt

_NO_ANSWER = 0
_LONGEST_SYMBOL = 100


def land(lake: Lake, records: Sequence[RawPayload], run_id: str) -> None:
    """Appends the records to bronze.raw_payloads in one commit.

    Raises:
        LakeError: they could not be stored.
    """
    append_rows(lake, RAW_PAYLOADS, [_row(each, run_id) for each in records])


def bury(
    lake: Lake,
    provider: str,
    failures: Sequence[tuple[Query, ProviderError]],
    run_id: str,
    now: datetime,
    attempts: Sequence[FailedAttempt] = (),
) -> None:
    """Appends the failed queries and the attempts that others followed to bronze.dead_letters in one commit.

    No answer is an empty body. The error that a query ended with is not among the attempts.

    Raises:
        LakeError: they could not be stored.
    """
    followed = [
        {
            **_row(each.error.payload or _silence_after(each), run_id),
            **_said(each.error),
            "outcome": ASKED_AGAIN,
        }
        for each in attempts
    ]
    ended = [
        {**_row(error.payload or _silence(provider, query, now), run_id), **_said(error), "outcome": GIVEN_UP}
        for query, error in failures
    ]
    append_rows(lake, DEAD_LETTERS, followed + ended)


def _row(payload: RawPayload, run_id: str) -> dict[str, object]:
    return {**vars(payload), "payload_id": payload.payload_id, "run_id": run_id}


def _said(error: ProviderError) -> dict[str, object]:
    return {
        "error_class": str(error.error_class),
        "error": str(error)[:1000],
        "attempt": error.attempt,
    }


def _silence(provider: str, query: Query, now: datetime) -> RawPayload:
    """What a query has to show that ended without an answer."""
    symbol = query.symbol[:_LONGEST_SYMBOL]
    asked = f"{query.dataset} {symbol}"
    return RawPayload(
        provider, query.dataset, symbol, query.interval, asked, _NO_ANSWER, "", now, b"", is_simulated=False
    )


def _silence_after(attempt: FailedAttempt) -> RawPayload:
    """What an attempt has to show that brought no answer."""
    return RawPayload(
        provider=attempt.provider,
        dataset=attempt.dataset,
        symbol=attempt.symbol[:_LONGEST_SYMBOL],
        interval=attempt.interval,
        request=attempt.request,
        status=_NO_ANSWER,
        content_type="",
        fetched_at=attempt.at,
        body=b"",
        is_simulated=False,
    )
