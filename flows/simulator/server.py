"""The HTTP server, which listens on the loopback interface by default, and the simulator as a thread."""

import json
import logging
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from flows.simulator.faults import parse_faults
from flows.simulator.http_response import NOT_FOUND, Delivery, SimulatedResponse, json_response
from flows.simulator.provider_simulator import SimulatedRequest
from flows.simulator.service import SimulatorConfig, SimulatorService

_LOG = logging.getLogger(__name__)
_LOOPBACK = "127.0.0.1"
_MAX_ADMIN_BODY_BYTES = 1_000_000
_SEND_BUFFER_BYTES = 1 << 16


class Simulator:
    """A simulator that a thread of this process serves until the context ends."""

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        config = config or SimulatorConfig()
        self.service = SimulatorService(config)
        self._server = SimulatorServer(self.service, config.port)
        self.base = self._server.base
        self.url = f"{self.base}/query"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.05,), name="simulator", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class SimulatorServer(ThreadingHTTPServer):
    """Serves each connection in its own thread; raises OSError if the port is taken."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: SimulatorService, port: int, host: str = _LOOPBACK) -> None:
        self.service = service
        self.is_stopping = Event()  # before binding: a failed bind closes the server
        super().__init__((host, port), _Handler)
        self.base = f"http://{host}:{self.server_port}"

    def server_close(self) -> None:
        """Stop listening; connections that are still open get no further response."""
        self.is_stopping.set()
        super().server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Log a broken connection at debug level: clients may hang up at any time."""
        _LOG.debug("connection of %s broke (%s)", client_address, type(request).__name__, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = _SEND_BUFFER_BYTES  # head and body leave together
    server: SimulatorServer

    def version_string(self) -> str:
        """The Server header."""
        return "MarketSimulator"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        match parts.path:
            case "/_simulator/health":
                self._deliver(json_response({"status": "ok"}))
            case "/_simulator/stats":
                self._deliver(json_response(self.server.service.stats()))
            case path:
                self._deliver(self.server.service.respond(self._request(path, parts.query)))

    def do_HEAD(self) -> None:
        """The head alone: an S3 client reads a file's ETag and size from it."""
        self.do_GET()

    def _request(self, path: str, query: str) -> SimulatedRequest:
        headers = {name.lower(): value for name, value in self.headers.items()}
        params = dict(parse_qsl(query, keep_blank_values=True))
        return SimulatedRequest(path, params, headers, f"{self.server.base}{self.path}")

    def do_POST(self) -> None:
        routes: dict[str, Callable[[SimulatorService, str], SimulatedResponse]] = {
            "/_simulator/clock": _set_clock,
            "/_simulator/faults": _set_faults,
        }
        route = routes.get(urlsplit(self.path).path)
        length = self.headers.get("Content-Length", "0")
        if route is None or not length.isdecimal() or int(length) > _MAX_ADMIN_BODY_BYTES:
            self.close_connection = True
            self._deliver(NOT_FOUND)
            return
        try:
            self._deliver(route(self.server.service, self.rfile.read(int(length)).decode()))
        except ValueError as error:
            self._deliver(json_response({"error": str(error)}, status=400))

    def log_message(self, format: str, *args: object) -> None:  # noqa: ARG002 - the names of http.server
        """Log the path without its query, which contains the key."""
        _LOG.debug("%s %s", self.command, urlsplit(getattr(self, "path", "")).path)

    def _deliver(self, response: SimulatedResponse) -> None:
        if self.server.is_stopping.is_set():
            self.close_connection = True
            return
        if response.delivery is Delivery.SILENT:
            self.server.is_stopping.wait(response.silent_seconds)
            self.close_connection = True
            return
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if response.delivery is Delivery.CUT:
            self.close_connection = True
            self.wfile.write(response.body[: len(response.body) // 2])
        else:
            self.wfile.write(response.body)


def _set_clock(service: SimulatorService, text: str) -> SimulatedResponse:
    """Set the clock to {"now": "2010-08-20T20:30:00Z"}; null means real time."""
    document = json.loads(text)
    if not isinstance(document, dict) or set(document) != {"now"}:
        raise ValueError('The clock is set with {"now": "2010-08-20T20:30:00Z"}, or null for real time.')
    now = document["now"]
    service.clock.set(None if now is None else datetime.fromisoformat(str(now)))
    return json_response({"now": service.clock.now().isoformat()})


def _set_faults(service: SimulatorService, text: str) -> SimulatedResponse:
    """Replace the faults in force with those of a JSON list."""
    faults = parse_faults(text)
    service.set_faults(faults)
    return json_response({"faults": len(faults)})
