"""The calls that a lake shows: what a lost count of calls is made up from."""

from datetime import UTC, datetime

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import DEAD_LETTERS, RAW_PAYLOADS
from flows.handlers.errors import ErrorClass

# Without a response there was no call, unless the provider could not be reached.
_WAS_CALLED = f"(status <> 0 OR error_class = '{ErrorClass.unavailable}')"


def past_calls(lake: Lake, provider: str, since: datetime) -> list[datetime]:
    """When the provider was called since then, as far as Bronze knows: answers and failed attempts, UTC.

    Calls made by another lake with the same key are not among them.

    Raises:
        LakeError: Bronze cannot be read.
    """
    where = f"provider = '{provider}' AND fetched_at >= timestamp '{since.astimezone(UTC).isoformat()}'"
    calls: set[tuple[str, datetime]] = set()
    for table, condition in ((RAW_PAYLOADS, "true"), (DEAD_LETTERS, _WAS_CALLED)):
        rows = read_rows(lake, table, ["request", "fetched_at"], f"{where} AND {condition}")
        calls |= {(row["request"], row["fetched_at"]) for row in rows.to_pylist()}
    return sorted(at for _, at in calls)
