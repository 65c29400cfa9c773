"""Massive's file store: as much of S3, path style, as a reader needs (GET, HEAD, ranges, listing)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.sax.saxutils import escape

from flows.simulator.faults import Fault
from flows.simulator.http_response import Answer
from flows.simulator.massive.file_store import FileStore, StoredFile, parse_key

if TYPE_CHECKING:  # the list of all protocols imports this one
    from flows.simulator.provider_simulator import HttpCall, Surroundings

_BUCKET = "flatfiles"
_XML = "application/xml"
_KEY_ID = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_LARGEST_PAGE = 1000
_TICKS = ("trades_v1", "quotes_v1")


class Massive:
    """Answers any signed request; signatures are not checked, but the key id's beginning tells its fate.

    `wrong…` is an unknown id, `forged…` one with another secret, `basic…` one whose plan has no trades and
    quotes. What is served, and what a test puts there, is in `files`.
    """

    prefix = f"/{_BUCKET}"

    def __init__(self, around: Surroundings) -> None:
        self.files = FileStore(around.market)
        self._clock = around.clock

    def function(self, call: HttpCall) -> tuple[str, str]:
        """The dataset and the day (as the symbol): a day's faults strike its HEAD and its GET alike."""
        dataset, day = parse_key(_key(call))
        return dataset or "list", day.isoformat() if day else ""

    def answer(self, call: HttpCall, faults: tuple[Fault, ...]) -> Answer:
        """The file, its head, a part of it, a listing, or the refusal."""
        bucket, key = _bucket(call), _key(call)
        refusal = _refusal(call, key)
        if refusal is not None:
            return refusal
        if bucket != _BUCKET:
            return _error(404, "NoSuchBucket", "The specified bucket does not exist")
        now = self._clock.now()
        if not key:
            return self._listing(call, faults, now)
        found = self.files.find(key, now, faults)
        if found is None:
            return _error(404, "NoSuchKey", "The specified key does not exist.", Key=key)
        return _serve(call, found)

    def too_many(self) -> Answer:
        """S3's refusal of too many calls."""
        return _error(503, "SlowDown", "Please reduce your request rate.")

    def _listing(self, call: HttpCall, faults: tuple[Fault, ...], now: datetime) -> Answer:
        """ListObjectsV2. The files listed are drawn for their ETags: ask with a narrow prefix."""
        after = call.params.get("continuation-token") or call.params.get("start-after", "")
        asked = call.params.get("max-keys", "")
        size = min(int(asked) if asked.isdecimal() else _LARGEST_PAGE, _LARGEST_PAGE)
        prefix = call.params.get("prefix", "")
        keys = [key for key in self.files.keys(prefix, now) if key > after]
        found = [file for key in keys[:size] if (file := self.files.find(key, now, faults))]
        more = len(keys) > size > 0
        token = f"<NextContinuationToken>{escape(keys[size - 1])}</NextContinuationToken>" if more else ""
        body = (
            f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>{_BUCKET}</Name>'
            f"<Prefix>{escape(prefix)}</Prefix><KeyCount>{len(found)}</KeyCount><MaxKeys>{size}</MaxKeys>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}"
            f"{''.join(map(_listed, found))}</ListBucketResult>"
        )
        return _xml(200, body)


@dataclass(frozen=True)
class _Span:
    """A part of a file: from `first` to before `end`."""

    first: int
    end: int


def _refusal(call: HttpCall, key: str) -> Answer | None:
    signed = _KEY_ID.match(call.headers.get("authorization", ""))
    if signed is None:
        return _error(403, "AccessDenied", "Access Denied")
    key_id = signed.group(1)
    if key_id.startswith("wrong"):
        message = "The AWS Access Key Id you provided does not exist in our records."
        return _error(403, "InvalidAccessKeyId", message, AWSAccessKeyId=key_id)
    if key_id.startswith("forged"):
        message = "The request signature we calculated does not match the signature you provided."
        return _error(403, "SignatureDoesNotMatch", message, AWSAccessKeyId=key_id)
    if key_id.startswith("basic") and parse_key(key)[0] in _TICKS:
        return _error(403, "AccessDenied", "Access Denied")
    return None


def _serve(call: HttpCall, found: StoredFile) -> Answer:
    """The file or a part of it, on the caller's conditions (If-Match, Range)."""
    condition = call.headers.get("if-match")
    if condition is not None and condition.strip('"') != found.etag.strip('"'):
        return _error(412, "PreconditionFailed", "At least one of the preconditions did not hold.")
    span = _span(call.headers.get("range", ""), len(found.content))
    if span is None:
        return Answer(found.content, "application/gzip", headers=_headers(found))
    if span.first >= len(found.content):
        return _error(416, "InvalidRange", "The requested range is not satisfiable")
    where = f"bytes {span.first}-{span.end - 1}/{len(found.content)}"
    part = found.content[span.first : span.end]
    return Answer(part, "application/gzip", 206, (*_headers(found), ("Content-Range", where)))


def _span(asked: str, size: int) -> _Span | None:
    parts = _RANGE.fullmatch(asked.strip())
    if parts is None:
        return None
    last = int(parts.group(2)) if parts.group(2) else size - 1
    return _Span(int(parts.group(1)), min(last + 1, size))


def _headers(found: StoredFile) -> tuple[tuple[str, str], ...]:
    mark = (("x-amz-meta-simulated", "true"),) if found.is_simulated else ()
    modified = format_datetime(found.modified_at.astimezone(UTC), usegmt=True)
    return (("ETag", found.etag), ("Last-Modified", modified), ("Accept-Ranges", "bytes"), *mark)


def _listed(found: StoredFile) -> str:
    modified = f"{found.modified_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    return (
        f"<Contents><Key>{escape(found.key)}</Key><LastModified>{modified}</LastModified>"
        f"<ETag>{escape(found.etag)}</ETag><Size>{len(found.content)}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def _error(status: int, code: str, message: str, **details: str) -> Answer:
    named = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in details.items())
    return _xml(status, f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>{named}</Error>")


def _xml(status: int, body: str) -> Answer:
    return Answer(f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode(), _XML, status)


def _bucket(call: HttpCall) -> str:
    return call.path.removeprefix("/").partition("/")[0]


def _key(call: HttpCall) -> str:
    return unquote(call.path.removeprefix("/").partition("/")[2])
