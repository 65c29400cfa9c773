"""Yahoo's chart service: `/yahoo/v8/finance/chart/{symbol}`, over the same histories as Alpha Vantage.

Daily bars are real, so there are no split or dividend events; intraday bars and exchange rates are generated.
"""

import json

from flows.simulator.faults import Fault
from flows.simulator.http_response import SIMULATED_HEADER, TEXT_TYPE, SimulatedResponse
from flows.simulator.provider_simulator import SimulatedRequest, SimulatorContext
from flows.simulator.yahoo.chart import yahoo_chart
from flows.simulator.yahoo.chart_request import (
    range_refusal,
    read_chart_request,
    requested_symbol,
    watch_list_symbol,
)

_JSON_TYPE = "application/json;charset=utf-8"
_NOT_FOUND = ("Not Found", "No data found, symbol may be delisted")


class YahooSimulator:
    """Serves Yahoo's chart API."""

    prefix = "/yahoo/"

    def __init__(self, context: SimulatorContext) -> None:
        self._context = context

    def fault_target(self, request: SimulatedRequest) -> tuple[str, str]:
        """CHART, and the symbol as the watch list writes it."""
        return "CHART", watch_list_symbol(requested_symbol(request))

    def respond(self, request: SimulatedRequest, faults: tuple[Fault, ...]) -> SimulatedResponse:
        """The chart, or Yahoo's error."""
        now = self._context.clock.now()
        if not request.path.startswith(f"{self.prefix}v8/finance/chart/"):
            return _error(404, *_NOT_FOUND)
        chart_request = read_chart_request(request, now)
        if chart_request is None:
            given = f"interval={request.params.get('interval')}, range={request.params.get('range')}"
            return _error(422, "Unprocessable Entity", f"Invalid input - {given} is not supported.")
        if refusal := range_refusal(chart_request, now):
            return _error(422, "Unprocessable Entity", refusal)
        body = yahoo_chart(self._context.market, chart_request, faults, now)
        if body is None:
            return _error(404, *_NOT_FOUND)
        headers = (SIMULATED_HEADER,) if body.is_simulated else ()
        return SimulatedResponse(body.content, _JSON_TYPE, headers=headers)

    def rate_limited(self) -> SimulatedResponse:
        """429 in plain text, without Retry-After."""
        return SimulatedResponse(b"Edge: Too Many Requests", TEXT_TYPE, status=429)


def _error(status: int, code: str, description: str) -> SimulatedResponse:
    error = {"chart": {"result": None, "error": {"code": code, "description": description}}}
    return SimulatedResponse(json.dumps(error, separators=(",", ":")).encode(), _JSON_TYPE, status=status)
