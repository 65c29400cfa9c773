"""What has been answered so far, read from Bronze."""

from datetime import datetime

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.bronze import DEAD_LETTERS, ENDED, RAW_PAYLOADS
from flows.handlers.errors import ErrorClass
from flows.ingestion.request_priority import Asked

# Asking again at once would bring the same refusal: such a query has had its turn. Not so the passing
# faults, and not so a query that was refused without a call (status 0).
_FINAL = (ErrorClass.bad_symbol, ErrorClass.no_data, ErrorClass.not_entitled, ErrorClass.malformed)
_CLASSES = ", ".join(f"'{each}'" for each in _FINAL)
FINAL_REFUSALS = f"status > 0 AND error_class IN ({_CLASSES}) AND {ENDED}"


def last_answered(lake: Lake, provider: str) -> dict[Asked, datetime]:
    """When each dataset, symbol and interval of a provider was last answered, in data or in a final refusal.

    The interval None stands for any: a query for daily bars names none, and is filed under `1day`.

    Raises:
        LakeError: Bronze is there and cannot be read.
    """
    found: dict[Asked, datetime] = {}
    for table, which in (
        (RAW_PAYLOADS, "true"),
        (DEAD_LETTERS, FINAL_REFUSALS),
    ):
        for dataset, symbol, interval, at in _answers(lake, table, f"provider = '{provider}' AND {which}"):
            for key in ((dataset, symbol, interval), (dataset, symbol, None)):
                found[key] = max(at, found.get(key, at))
    return found


def _answers(lake: Lake, table: Table, where: str) -> list[tuple[str, str, str | None, datetime]]:
    names = ["dataset", "symbol", "interval", "fetched_at"]
    rows = read_rows(lake, table, names, where)
    return list(zip(*(rows[name].to_pylist() for name in names), strict=True))
