"""Explains a number: the row, the Silver rows behind it, and the bytes that a provider sent."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.settings import SignalSettings
from delta_tables.bronze import RAW_PAYLOADS
from delta_tables.catalogue import BY_NAME
from delta_tables.lake import Lake
from delta_tables.silver import BARS, FUNDAMENTALS, QUARANTINE
from delta_tables.table import Table
from serving.errors import ServingError
from serving.excerpts import excerpt
from serving.gold_sources import EVIDENCE, Evidence, Row
from serving.key_lookup import find_row, parse_key
from serving.literals import literals
from serving.queries import Rows, select

EXPLAINED = (*EVIDENCE, BARS.full_name, FUNDAMENTALS.full_name, QUARANTINE.full_name)
MOST_EXCERPTS = 5


@dataclass(frozen=True)
class Excerpt:
    """A piece of a body; `text` is None where the body has nothing at the position."""

    position: str
    text: str | None


@dataclass(frozen=True)
class Source:
    """A payload that rows came from.

    `is_intact`: the stored bytes still hash to the payload_id. `row_count`: rows that rest on it.
    """

    payload_id: str
    provider: str
    dataset: str
    request: str
    status: int
    fetched_at: datetime
    deliveries: int
    is_simulated: bool
    is_intact: bool
    row_count: int
    excerpts: tuple[Excerpt, ...]


@dataclass(frozen=True)
class Explanation:
    """A row, what it was computed from, and the payloads behind that; `lost` payloads are not in Bronze."""

    table: str
    row: Mapping[str, Any]
    evidence: tuple[Evidence, ...]
    sources: tuple[Source, ...]
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
    if table_name in EVIDENCE:
        evidence = tuple(EVIDENCE[table_name](lake, row, settings))
    else:
        evidence = (Evidence("the row itself", table_name, (row,)),)
    payloads = _payloads(lake, evidence)
    ids = list(dict.fromkeys(each["payload_id"] for each in _rows(evidence)))
    sources = tuple(
        _source(payload_id, payloads[payload_id], evidence) for payload_id in ids if payload_id in payloads
    )
    return Explanation(table_name, row, evidence, sources, tuple(i for i in ids if i not in payloads))


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


def _payloads(lake: Lake, evidence: Iterable[Evidence]) -> dict[str, Rows]:
    """The deliveries of each payload, first one first."""
    ids = {each["payload_id"] for each in _rows(evidence)}
    sql = f"SELECT * FROM stored WHERE payload_id IN ({literals(sorted(ids))}) ORDER BY fetched_at"  # noqa: S608 - escaped
    found: dict[str, Rows] = {}
    for payload in select(lake, RAW_PAYLOADS, sql):
        found.setdefault(payload["payload_id"], []).append(payload)
    return found


def _source(payload_id: str, deliveries: Rows, evidence: Sequence[Evidence]) -> Source:
    rows = [each for each in _rows(evidence) if each["payload_id"] == payload_id]
    # the delivery that the first row, one of the session's own, was learned from
    learned = (rows[0]["symbol"], rows[0].get("known_from", rows[0].get("first_seen_at")))
    named = (each for each in deliveries if (each["symbol"], each["fetched_at"]) == learned)
    payload = next(named, deliveries[0])
    own = [each["position"] for each in _rows(evidence[:1]) if each["payload_id"] == payload_id]
    facts = [each["position"] for each in rows if each["position"] == "/"]
    positions = list(dict.fromkeys(own + facts))[:MOST_EXCERPTS]
    return Source(
        **{name: payload[name] for name in ("payload_id", "provider", "dataset", "request", "status")},
        fetched_at=payload["fetched_at"],
        deliveries=len(deliveries),
        is_simulated=payload["is_simulated"],
        is_intact=hashlib.sha256(payload["body"]).hexdigest() == payload_id,
        row_count=len(rows),
        excerpts=tuple(Excerpt(position, excerpt(payload["body"], position)) for position in positions),
    )
