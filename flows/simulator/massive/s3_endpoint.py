"""Massive's file store: the part of S3 (path style) that a reader needs: GET, HEAD, ranges and listings."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import NamedTuple
from urllib.parse import unquote
from xml.sax.saxutils import escape

from flows.simulator.faults import Fault
from flows.simulator.http_response import SimulatedResponse
from flows.simulator.massive.file_store import FileStore, StoredFile, parse_key
from flows.simulator.provider_simulator import SimulatedRequest, SimulatorContext

_BUCKET = "flatfiles"
_GZIP_TYPE = "application/gzip"
_XML_TYPE = "application/xml"
_KEY_ID = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_MAX_PAGE_KEYS = 1000
_TICK_DATASETS = ("trades_v1", "quotes_v1")


class MassiveSimulator:
    """Serves any signed request; the signature is not checked, but the key id selects a refusal.

    `wrong…` is an unknown id, `forged…` an id with another secret, `basic…` an id whose plan has no trades
    and quotes. `files` holds what is served; tests add files of their own there.
    """

    prefix = f"/{_BUCKET}"

    def __init__(self, context: SimulatorContext) -> None:
        self.files = FileStore(context.market)
        self._clock = context.clock

    def fault_target(self, request: SimulatedRequest) -> tuple[str, str]:
        """The dataset, and the day as the symbol: a fault of a day affects both its HEAD and its GET."""
        dataset, day = parse_key(_key(request))
        return dataset or "list", day.isoformat() if day else ""

    def respond(self, request: SimulatedRequest, faults: tuple[Fault, ...]) -> SimulatedResponse:
        """The file, a part of it, a listing, or a refusal."""
        bucket, key = _bucket(request), _key(request)
        refusal = _refusal(request, key)
        if refusal is not None:
            return refusal
        if bucket != _BUCKET:
            return _error(404, "NoSuchBucket", "The specified bucket does not exist")
        now = self._clock.now()
        if not key:
            return self._listing(request, faults, now)
        file = self.files.find(key, now, faults)
        if file is None:
            return _error(404, "NoSuchKey", "The specified key does not exist.", Key=key)
        return _serve(request, file)

    def rate_limited(self) -> SimulatedResponse:
        """S3's refusal of too many calls."""
        return _error(503, "SlowDown", "Please reduce your request rate.")

    def _listing(
        self, request: SimulatedRequest, faults: tuple[Fault, ...], now: datetime
    ) -> SimulatedResponse:
        """ListObjectsV2. Listed files are generated for their ETags, so a narrow prefix is faster."""
        after = request.params.get("continuation-token") or request.params.get("start-after", "")
        max_keys = request.params.get("max-keys", "")
        size = min(int(max_keys) if max_keys.isdecimal() else _MAX_PAGE_KEYS, _MAX_PAGE_KEYS)
        prefix = request.params.get("prefix", "")
        keys = [key for key in self.files.keys(prefix, now) if key > after]
        files = [file for key in keys[:size] if (file := self.files.find(key, now, faults))]
        is_truncated = len(keys) > size > 0
        token = ""
        if is_truncated:
            token = f"<NextContinuationToken>{escape(keys[size - 1])}</NextContinuationToken>"
        body = (
            f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>{_BUCKET}</Name>'
            f"<Prefix>{escape(prefix)}</Prefix><KeyCount>{len(files)}</KeyCount><MaxKeys>{size}</MaxKeys>"
            f"<IsTruncated>{str(is_truncated).lower()}</IsTruncated>{token}"
            f"{''.join(map(_listing_entry, files))}</ListBucketResult>"
        )
        return _xml(200, body)


class _ByteRange(NamedTuple):
    """A part of a file: from `first` to before `end`."""

    first: int
    end: int


def _refusal(request: SimulatedRequest, key: str) -> SimulatedResponse | None:
    credential = _KEY_ID.match(request.headers.get("authorization", ""))
    if credential is None:
        return _error(403, "AccessDenied", "Access Denied")
    key_id = credential.group(1)
    if key_id.startswith("wrong"):
        message = "The AWS Access Key Id you provided does not exist in our records."
        return _error(403, "InvalidAccessKeyId", message, AWSAccessKeyId=key_id)
    if key_id.startswith("forged"):
        message = "The request signature we calculated does not match the signature you provided."
        return _error(403, "SignatureDoesNotMatch", message, AWSAccessKeyId=key_id)
    if key_id.startswith("basic") and parse_key(key)[0] in _TICK_DATASETS:
        return _error(403, "AccessDenied", "Access Denied")
    return None


def _serve(request: SimulatedRequest, file: StoredFile) -> SimulatedResponse:
    """The file or a part of it, by the request's If-Match and Range headers."""
    condition = request.headers.get("if-match")
    if condition is not None and condition.strip('"') != file.etag.strip('"'):
        return _error(412, "PreconditionFailed", "At least one of the preconditions did not hold.")
    byte_range = _byte_range(request.headers.get("range", ""), len(file.content))
    if byte_range is None:
        return SimulatedResponse(file.content, _GZIP_TYPE, headers=_headers(file))
    first, end = byte_range
    if first >= len(file.content):
        return _error(416, "InvalidRange", "The requested range is not satisfiable")
    content_range = ("Content-Range", f"bytes {first}-{end - 1}/{len(file.content)}")
    return SimulatedResponse(file.content[first:end], _GZIP_TYPE, 206, (*_headers(file), content_range))


def _byte_range(header: str, size: int) -> _ByteRange | None:
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    last = int(match.group(2)) if match.group(2) else size - 1
    return _ByteRange(int(match.group(1)), min(last + 1, size))


def _headers(file: StoredFile) -> tuple[tuple[str, str], ...]:
    marker = (("x-amz-meta-simulated", "true"),) if file.is_simulated else ()
    modified = format_datetime(file.modified_at.astimezone(UTC), usegmt=True)
    return (("ETag", file.etag), ("Last-Modified", modified), ("Accept-Ranges", "bytes"), *marker)


def _listing_entry(file: StoredFile) -> str:
    modified = f"{file.modified_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    return (
        f"<Contents><Key>{escape(file.key)}</Key><LastModified>{modified}</LastModified>"
        f"<ETag>{escape(file.etag)}</ETag><Size>{len(file.content)}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def _error(status: int, code: str, message: str, **details: str) -> SimulatedResponse:
    extra = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in details.items())
    return _xml(status, f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>{extra}</Error>")


def _xml(status: int, body: str) -> SimulatedResponse:
    return SimulatedResponse(f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode(), _XML_TYPE, status)


def _bucket(request: SimulatedRequest) -> str:
    return request.path.removeprefix("/").partition("/")[0]


def _key(request: SimulatedRequest) -> str:
    return unquote(request.path.removeprefix("/").partition("/")[2])
