"""Lands what a provider answered: data in bronze.raw_payloads, errors in bronze.dead_letters."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from delta_tables.arrow_io import append_rows
from delta_tables.bronze import DEAD_LETTERS, RAW_PAYLOADS
from delta_tables.lake import Lake
from flows.handlers.errors import ProviderError
from flows.handlers.records import Query, RawRecord


def land(lake: Lake, records: Sequence[RawRecord], run_id: str) -> None:
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
) -> None:
    """Appends the failed queries to bronze.dead_letters in one commit; no answer is an empty body."""
    rows = [
        {
            **(_row(error.record, run_id) if error.record else _unanswered(provider, query, run_id, now)),
            "error_class": str(error.error_class),
            "error": str(error)[:1000],
        }
        for query, error in failures
    ]
    append_rows(lake, DEAD_LETTERS, rows)


def _row(record: RawRecord, run_id: str) -> dict[str, object]:
    return {**vars(record), "payload_id": record.payload_id, "run_id": run_id}


def _unanswered(provider: str, query: Query, run_id: str, now: datetime) -> dict[str, object]:
    return {
        "payload_id": hashlib.sha256(b"").hexdigest(),
        "provider": provider,
        "dataset": query.dataset,
        "symbol": query.symbol[:100],
        "interval": query.interval,
        "request": f"{query.dataset} {query.symbol[:100]}",
        "status": 0,
        "content_type": "",
        "fetched_at": now,
        "is_simulated": False,
        "body": b"",
        "run_id": run_id,
    }
