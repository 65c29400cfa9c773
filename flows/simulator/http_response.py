"""An HTTP answer, and the faults of transport as answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from flows.simulator.alphavantage import error_messages as messages
from flows.simulator.faults import Fault, FaultKind

_HTML_TYPE = "text/html; charset=utf-8"
_TEXT_TYPE = "text/plain; charset=utf-8"
_MAINTENANCE_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head>"
    b"<body><h1>We will be back soon</h1><p>The service is under maintenance.</p></body></html>\n"
)


class Delivery(StrEnum):
    """How an answer reaches the caller."""

    WHOLE = "whole"
    CUT = "cut"  # half of it, then the connection closes
    SILENT = "silent"  # nothing for a while, then the connection closes


@dataclass(frozen=True)
class Answer:
    """An HTTP answer to be delivered."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = Delivery.WHOLE
    silent_seconds: float = 0.0


def failure(fault: Fault, url: str, api_key: str) -> Answer:
    """The answer that a fault of transport (all but `truncated`) makes of any call."""
    return _FAILURES[fault.kind](fault, url, api_key)


def _too_many(fault: Fault, _url: str, _key: str) -> Answer:
    headers = (("Retry-After", f"{fault.seconds:.0f}"),)
    return Answer(b"Too Many Requests", _TEXT_TYPE, status=429, headers=headers)


def _unavailable(_fault: Fault, _url: str, _key: str) -> Answer:
    return Answer(b"Service Unavailable", _TEXT_TYPE, status=503)


def _silence(fault: Fault, _url: str, _key: str) -> Answer:
    return Answer(b"", delivery=Delivery.SILENT, silent_seconds=fault.seconds)


def _page(_fault: Fault, _url: str, _key: str) -> Answer:
    return Answer(_MAINTENANCE_PAGE, _HTML_TYPE)


def _echo(fault: Fault, url: str, api_key: str) -> Answer:
    text = f"Internal error while answering {url} for the API key {api_key}."
    return Answer(messages.render({"Error Message": text}), status=fault.status)


_FAILURES: Mapping[FaultKind, Callable[[Fault, str, str], Answer]] = {
    FaultKind.HTTP_429: _too_many,
    FaultKind.HTTP_503: _unavailable,
    FaultKind.TIMEOUT: _silence,
    FaultKind.HTML: _page,
    FaultKind.ECHO_KEY: _echo,
}
