"""HTTP responses of the simulator, and the transport faults that replace or cut them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from flows.simulator.faults import Fault, FaultKind, data_faults, transport_fault

HTML_TYPE = "text/html; charset=utf-8"
JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
SIMULATED_HEADER = ("X-Simulated", "true")

_MAINTENANCE_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head>"
    b"<body><h1>We will be back soon</h1><p>The service is under maintenance.</p></body></html>\n"
)


class Delivery(StrEnum):
    """How a response reaches the client."""

    WHOLE = "whole"
    CUT = "cut"  # half of it, then the connection closes
    SILENT = "silent"  # nothing for a while, then the connection closes


@dataclass(frozen=True)
class SimulatedResponse:
    """An HTTP response to be delivered."""

    body: bytes
    content_type: str = JSON_TYPE
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = Delivery.WHOLE
    silent_seconds: float = 0.0


def json_response(fields: Mapping[str, object], status: int = 200) -> SimulatedResponse:
    """A response of the simulator's own endpoints."""
    return SimulatedResponse(json.dumps(fields).encode(), status=status)


NOT_FOUND = json_response(
    {"error": "Nothing is served at this path; Alpha Vantage is at /query."}, status=404
)


def respond_with_faults(
    faults: tuple[Fault, ...],
    url: str,
    credentials: str,
    respond: Callable[[tuple[Fault, ...]], SimulatedResponse],
) -> SimulatedResponse:
    """The response that `respond` gives for the data faults, or what a transport fault makes of it.

    `url` and `credentials` are the client's, for the fault that echoes them.
    """
    fault = transport_fault(faults)
    if fault is not None and fault.kind is not FaultKind.TRUNCATED:
        return _FAULT_RESPONSES[fault.kind](fault, url, credentials)
    response = respond(data_faults(faults))
    return response if fault is None else replace(response, delivery=Delivery.CUT)


def _too_many_requests(fault: Fault, _url: str, _credentials: str) -> SimulatedResponse:
    headers = (("Retry-After", f"{fault.seconds:.0f}"),)
    return SimulatedResponse(b"Too Many Requests", TEXT_TYPE, status=429, headers=headers)


def _unavailable(_fault: Fault, _url: str, _credentials: str) -> SimulatedResponse:
    return SimulatedResponse(b"Service Unavailable", TEXT_TYPE, status=503)


def _silence(fault: Fault, _url: str, _credentials: str) -> SimulatedResponse:
    return SimulatedResponse(b"", delivery=Delivery.SILENT, silent_seconds=fault.seconds)


def _maintenance_page(_fault: Fault, _url: str, _credentials: str) -> SimulatedResponse:
    return SimulatedResponse(_MAINTENANCE_PAGE, HTML_TYPE)


def _echo(fault: Fault, url: str, credentials: str) -> SimulatedResponse:
    text = f"Internal error while answering {url} for the API key {credentials}."
    body = json.dumps({"Error Message": text}, indent=4, ensure_ascii=False)
    return SimulatedResponse(body.encode(), status=fault.status)


_FAULT_RESPONSES: Mapping[FaultKind, Callable[[Fault, str, str], SimulatedResponse]] = {
    FaultKind.HTTP_429: _too_many_requests,
    FaultKind.HTTP_503: _unavailable,
    FaultKind.TIMEOUT: _silence,
    FaultKind.HTML: _maintenance_page,
    FaultKind.ECHO_KEY: _echo,
}
