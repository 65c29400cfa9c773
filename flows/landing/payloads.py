"""Appends what a provider returned to Bronze: data to raw_payloads, errors to dead_letters."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from delta_tables.storage.arrow_io import append_rows, read_rows
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.bronze import ABANDONED, BODY_KEY, DEAD_LETTERS, RAW_PAYLOADS, RETRIED
from flows.handlers.errors import ProviderError
from flows.handlers.models import Query, RawPayload
from flows.handlers.transport.retry import FailedAttempt

_NO_STATUS = 0
_MAX_SYMBOL_CHARS = 100
_MAX_ERROR_CHARS = 1000
# How long a repeated body refers to the row that has it; then it is stored again, so that readers of a repeat
# look for it among a month's files.
_BODY_AGE = timedelta(days=30)
_BodyKey = tuple[object, ...]


def append_payloads(lake: Lake, payloads: Sequence[RawPayload], run_id: str) -> None:
    """Appends the payloads to bronze.raw_payloads in one commit, each body once.

    A row whose body is stored already has an empty body and says in body_fetched_at which row has it.

    Raises:
        LakeError: they could not be stored.
    """
    if not payloads:
        return
    stored = _stored_bodies(lake, payloads)
    rows = [_row(payload, run_id) for payload in payloads]
    for row, payload in zip(rows, payloads, strict=True):
        instants = stored.setdefault(_body_key(row), [])
        near = [at for at in instants if abs(payload.fetched_at - at) <= _BODY_AGE]
        # an instant that occurs twice does not say which row is meant
        if unique := [at for at in near if near.count(at) == 1 and at != payload.fetched_at]:
            row |= {"body": b"", "body_fetched_at": unique[-1]}
        else:
            instants.append(payload.fetched_at)
    append_rows(lake, RAW_PAYLOADS, rows)


def _body_key(row: Mapping[str, object]) -> _BodyKey:
    return tuple(row[name] for name in BODY_KEY)


def _stored_bodies(lake: Lake, payloads: Sequence[RawPayload]) -> dict[_BodyKey, list[datetime]]:
    """When the rows were fetched that have a body of these payloads, by _body_key.

    None where Bronze cannot be read: what was received is landed all the same, with its body.
    """
    since = min(payload.fetched_at for payload in payloads) - _BODY_AGE
    ids = ", ".join(f"'{payload_id}'" for payload_id in {payload.payload_id for payload in payloads})
    where = (
        f"payload_id IN ({ids}) AND body_fetched_at IS NULL "
        f"AND fetched_at >= timestamp '{since.astimezone(UTC).isoformat()}'"
    )
    found: dict[_BodyKey, list[datetime]] = {}
    try:
        rows = read_rows(lake, RAW_PAYLOADS, [*BODY_KEY, "fetched_at"], where).to_pylist()
    except LakeError:  # a damaged file of an earlier landing must not lose what has come now
        return found
    for row in rows:
        found.setdefault(_body_key(row), []).append(row["fetched_at"])
    return found


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
