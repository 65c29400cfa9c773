"""Explains a number: the row, the Silver rows behind it, and the bytes that a provider sent."""

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
from serving.query.select import Records, select

_EVIDENCE = {**GOLD_EVIDENCE, **TICK_EVIDENCE}
_SILVER = (BARS, FUNDAMENTALS, CORPORATE_ACTIONS, NEWS, INSTRUMENTS, TRADES, QUOTES, QUARANTINE)
EXPLAINED = (*_EVIDENCE, *(table.full_name for table in _SILVER))
MAX_EXCERPTS = 5


@dataclass(frozen=True)
class Excerpt:
    """A piece of a body; `text` is None where the body has nothing at the position, or is gone."""

    position: str
    text: str | None


@dataclass(frozen=True)
class BronzeSource:
    """A payload, or a landed file, that rows came from.

    `payload_id` of a file is its file_id, `request` its key at the provider, `status` None. `path`: where a
    file was landed, None for a payload. `expired`: in words, that a file's bytes are no longer kept.
    `is_intact`: the stored bytes still hash to the id; None where they are gone. `row_count`: rows that
    rest on it.
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
    """A row, what it was computed from, and the payloads and files behind that; Bronze has none `lost`."""

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
    """The explanation of the row that `key_values` name: `symbol=AAPL`, or values in key order.

    `settings` are those that Gold was computed with; they say how long the windows are.

    Raises:
        ServingError: a table that is not explained, an unknown or ambiguous key.
        LakeError: a table cannot be read.
    """
    table = _explained(table_name)
    row = find_row(lake, table, parse_key(table, key_values))
    if table_name in _EVIDENCE:
        evidence = tuple(_EVIDENCE[table_name](lake, row, settings))
    else:
        evidence = (Evidence("the row itself", table_name, (row,)),)
    ids = list(dict.fromkeys(each["payload_id"] for each in _rows(evidence)))
    payloads, files = _deliveries(lake, RAW_PAYLOADS, "payload_id", ids), {}
    if missing := [each for each in ids if each not in payloads]:
        files = _deliveries(lake, RAW_FILES, "file_id", missing)
    sources = [_payload(lake, payloads[each], each, evidence) for each in ids if each in payloads]
    sources += [_file(lake, files[each], each, evidence) for each in ids if each in files]
    lost = tuple(each for each in ids if each not in payloads and each not in files)
    return Explanation(table_name, row, evidence, tuple(sources), lost)


def _explained(name: str) -> Table:
    if name not in EXPLAINED:
        raise ServingError(f"{name} is not explained; {', '.join(EXPLAINED)} are")
    return BY_NAME[name]


def _rows(evidence: Iterable[Evidence]) -> list[Row]:
    """Every Silver row once, those of the session first."""
    found = {
        (part.table, each["payload_id"], each["position"]): each for part in evidence for each in part.rows
    }
    return list(found.values())


def _deliveries(lake: Lake, table: Table, column: str, ids: Sequence[str]) -> dict[str, Records]:
    """The rows of Bronze of each id, first one first, without bodies: a body may come many times."""
    names = "* EXCEPT (body)" if "body" in table.columns else "*"
    sql = f"SELECT {names} FROM stored WHERE {column} IN ({literals(sorted(ids))}) ORDER BY fetched_at"  # noqa: S608 - escaped
    found: dict[str, Records] = {}
    for delivery in select(lake, table, sql):
        found.setdefault(delivery[column], []).append(delivery)
    return found


def _body(lake: Lake, delivery: Row) -> bytes:
    where = (
        f"payload_id = {literal(delivery['payload_id'])} AND fetched_at = {literal(delivery['fetched_at'])}"
    )
    (found,) = select(lake, RAW_PAYLOADS, f"SELECT body FROM stored WHERE {where} LIMIT 1")  # noqa: S608 - escaped
    body: bytes = found["body"]
    return body


def _payload(lake: Lake, deliveries: Records, payload_id: str, evidence: Sequence[Evidence]) -> BronzeSource:
    rows = _rows_of(evidence, payload_id)
    payload = _learned_from(deliveries, rows[0])
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
    rows = _rows_of(evidence, file_id)
    file = _learned_from(deliveries, rows[0])
    positions = _positions(evidence, file_id)
    looked = read_lines(lake, file["path"], file["dataset"], positions)
    lines = looked.lines if looked else {}
    return BronzeSource(
        payload_id=file_id,
        provider=file["provider"],
        dataset=file["dataset"],
        request=file["key"],
        status=None,
        fetched_at=file["fetched_at"],
        deliveries=len(deliveries),
        is_simulated=file["is_simulated"],
        is_intact=looked.sha256 == file_id if looked else None,
        row_count=len(rows),
        excerpts=tuple(Excerpt(position, lines.get(position)) for position in positions),
        path=file["path"],
        expired=None if looked else _expired(file),
    )


def _expired(file: Row) -> str:
    return (
        f"its {file['size_bytes']:,} bytes are no longer in the landing area, where files are kept for "
        "`retention_days`: the row stands, but the line it came from cannot be shown; fetch the file again"
    )


def _learned_from(deliveries: Records, row: Row) -> Row:
    """The delivery that the row was learned from; a file of all symbols was not asked for by the row's."""
    learned_at = row.get("known_from", row.get("first_seen_at"))
    at_that_time = [each for each in deliveries if each["fetched_at"] == learned_at] or deliveries
    named = (each for each in at_that_time if each.get("symbol") == row["symbol"])
    return next(named, at_that_time[0])


def _rows_of(evidence: Sequence[Evidence], payload_id: str) -> list[Row]:
    return [each for each in _rows(evidence) if each["payload_id"] == payload_id]


def _positions(evidence: Sequence[Evidence], payload_id: str) -> list[str]:
    """The places worth showing: those of the session's own rows and of facts, else that of one row."""
    own = [each["position"] for each in _rows_of(evidence[:1], payload_id)]
    others = [each["position"] for each in _rows_of(evidence[1:], payload_id)]
    facts = [position for position in others if position == "/"]
    return list(dict.fromkeys(own + facts or others[:1]))[:MAX_EXCERPTS]
