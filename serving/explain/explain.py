"""Explains a row: the Silver rows behind it, and the bytes that a provider sent."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.settings import SignalSettings
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_FILES, RAW_PAYLOADS
from delta_tables.tables.catalogue import BY_NAME
from delta_tables.tables.silver import BARS, FUNDAMENTALS, QUARANTINE
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS, INSTRUMENTS, NEWS
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from serving.errors import ServingError
from serving.explain.file_excerpts import read_lines
from serving.explain.gold_lineage import GOLD_EVIDENCE, Evidence, Row
from serving.explain.key_lookup import find_row, parse_key
from serving.explain.payload_excerpts import excerpt
from serving.explain.tick_lineage import TICK_EVIDENCE
from serving.query.literals import literal, literals
from serving.query.selected_rows import Records, select

_EVIDENCE = {**GOLD_EVIDENCE, **TICK_EVIDENCE}
_SILVER = (BARS, FUNDAMENTALS, CORPORATE_ACTIONS, NEWS, INSTRUMENTS, TRADES, QUOTES, QUARANTINE)
EXPLAINED = (*_EVIDENCE, *(table.full_name for table in _SILVER))
MAX_EXCERPTS = 5


@dataclass(frozen=True)
class Excerpt:
    """A fragment of a body; `text` is None if the body has nothing at the position, or is deleted."""

    position: str
    text: str | None


@dataclass(frozen=True)
class BronzeSource:
    """A payload or landed file that rows came from.

    For a file, `payload_id` is its file_id, `request` its key at the provider, `status` is None, and `path`
    is where it was landed (None for a payload). `expired` is a message if the file's bytes were deleted.
    `is_intact`: whether the stored bytes still hash to the id, None if they were deleted. `row_count`: the
    number of rows that came from it.
    """

    payload_id: str
    provider: str
    dataset: str
    request: str
    status: int | None
    fetched_at: datetime
    deliveries: int
    is_simulated: bool
    is_intact: bool | None
    row_count: int
    excerpts: tuple[Excerpt, ...]
    path: str | None = None
    expired: str | None = None


@dataclass(frozen=True)
class Explanation:
    """A row, the rows it was computed from, and their payloads and files.

    `lost` are the ids that are not in Bronze.
    """

    table: str
    row: Mapping[str, Any]
    evidence: tuple[Evidence, ...]
    sources: tuple[BronzeSource, ...]
    lost: tuple[str, ...]


def explain(
    lake: Lake,
    table_name: str,
    key_values: Sequence[str],
    settings: SignalSettings = SignalSettings(),  # noqa: B008 - frozen
) -> Explanation:
    """The explanation of the row with this key: `symbol=AAPL`, or values in the order of the key columns.

    `settings` must be those that Gold was computed with: they hold the lengths of the windows.

    Raises:
        ServingError: the table cannot be explained, or the key is unknown or ambiguous.
        LakeError: a table cannot be read.
    """
    table = _explained_table(table_name)
    row = find_row(lake, table, parse_key(table, key_values))
    if table_name in _EVIDENCE:
        evidence = tuple(_EVIDENCE[table_name](lake, row, settings))
    else:
        evidence = (Evidence("the row itself", table_name, (row,)),)
    ids = list(dict.fromkeys(silver_row["payload_id"] for silver_row in _silver_rows(evidence)))
    payloads, files = _deliveries(lake, RAW_PAYLOADS, "payload_id", ids), {}
    if without_payload := [source_id for source_id in ids if source_id not in payloads]:
        files = _deliveries(lake, RAW_FILES, "file_id", without_payload)
    sources = [_payload(lake, payloads[name], name, evidence) for name in ids if name in payloads]
    sources += [_file(lake, files[name], name, evidence) for name in ids if name in files]
    lost = tuple(name for name in ids if name not in payloads and name not in files)
    return Explanation(table_name, row, evidence, tuple(sources), lost)


def _explained_table(name: str) -> Table:
    if name not in EXPLAINED:
        raise ServingError(f"{name} cannot be explained; choose one of {', '.join(EXPLAINED)}")
    return BY_NAME[name]


def _silver_rows(evidence: Iterable[Evidence]) -> list[Row]:
    """Every Silver row once, in the order of the evidence."""
    rows = {(part.table, row["payload_id"], row["position"]): row for part in evidence for row in part.rows}
    return list(rows.values())


def _deliveries(lake: Lake, table: Table, column: str, ids: Sequence[str]) -> dict[str, Records]:
    """The Bronze rows of each id, earliest first, without bodies: the same body can be delivered often."""
    names = "* EXCEPT (body)" if "body" in table.columns else "*"
    sql = f"SELECT {names} FROM stored WHERE {column} IN ({literals(sorted(ids))}) ORDER BY fetched_at"  # noqa: S608 - escaped
    deliveries: dict[str, Records] = {}
    for delivery in select(lake, table, sql):
        deliveries.setdefault(delivery[column], []).append(delivery)
    return deliveries


def _body(lake: Lake, delivery: Row) -> bytes:
    fetched_at = delivery["body_fetched_at"] or delivery["fetched_at"]
    where = f"payload_id = {literal(delivery['payload_id'])} AND fetched_at = {literal(fetched_at)}"
    (row,) = select(lake, RAW_PAYLOADS, f"SELECT body FROM stored WHERE {where} LIMIT 1")  # noqa: S608 - escaped
    body: bytes = row["body"]
    return body


def _payload(lake: Lake, deliveries: Records, payload_id: str, evidence: Sequence[Evidence]) -> BronzeSource:
    rows = _rows_from(evidence, payload_id)
    payload = _delivery_of(deliveries, rows[0])
    body = _body(lake, payload)
    return BronzeSource(
        payload_id=payload_id,
        **{name: payload[name] for name in ("provider", "dataset", "request", "status")},
        fetched_at=payload["fetched_at"],
        deliveries=len(deliveries),
        is_simulated=payload["is_simulated"],
        is_intact=hashlib.sha256(body).hexdigest() == payload_id,
        row_count=len(rows),
        excerpts=tuple(
            Excerpt(position, excerpt(body, position)) for position in _positions(evidence, payload_id)
        ),
    )


def _file(lake: Lake, deliveries: Records, file_id: str, evidence: Sequence[Evidence]) -> BronzeSource:
    rows = _rows_from(evidence, file_id)
    file = _delivery_of(deliveries, rows[0])
    positions = _positions(evidence, file_id)
    content = read_lines(lake, file["path"], file["dataset"], positions)
    lines = content.lines if content else {}
    return BronzeSource(
        payload_id=file_id,
        provider=file["provider"],
        dataset=file["dataset"],
        request=file["key"],
        status=None,
        fetched_at=file["fetched_at"],
        deliveries=len(deliveries),
        is_simulated=file["is_simulated"],
        is_intact=content.sha256 == file_id if content else None,
        row_count=len(rows),
        excerpts=tuple(Excerpt(position, lines.get(position)) for position in positions),
        path=file["path"],
        expired=None if content else _expired_message(file),
    )


def _expired_message(file: Row) -> str:
    return (
        f"its {file['size_bytes']:,} bytes are no longer in the landing zone, which keeps files for "
        "`retention_days`: the row remains, but its line in the file cannot be shown; fetch the file again "
        "to see it"
    )


def _delivery_of(deliveries: Records, row: Row) -> Row:
    """The delivery that the row came from; a file of all symbols was not requested for the row's symbol."""
    received_at = row.get("known_from", row.get("first_seen_at"))
    at_that_time = [
        delivery for delivery in deliveries if delivery["fetched_at"] == received_at
    ] or deliveries
    of_symbol = (delivery for delivery in at_that_time if delivery.get("symbol") == row["symbol"])
    return next(of_symbol, at_that_time[0])


def _rows_from(evidence: Sequence[Evidence], payload_id: str) -> list[Row]:
    return [row for row in _silver_rows(evidence) if row["payload_id"] == payload_id]


def _positions(evidence: Sequence[Evidence], payload_id: str) -> list[str]:
    """The positions to show: those of the session's rows and of fundamentals, otherwise that of one row."""
    own = [row["position"] for row in _rows_from(evidence[:1], payload_id)]
    others = [row["position"] for row in _rows_from(evidence[1:], payload_id)]
    fundamentals = [position for position in others if position == "/"]
    return list(dict.fromkeys(own + fundamentals or others[:1]))[:MAX_EXCERPTS]
