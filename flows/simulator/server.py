"""The HTTP server, on the loopback interface only, and the simulator as a thread of the caller."""

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
from flows.simulator.http_response import Answer, Delivery
from flows.simulator.provider_simulator import HttpCall
from flows.simulator.service import Service, SimulatorConfig

_LOG = logging.getLogger(__name__)
_LOOPBACK = "127.0.0.1"
_LARGEST_ADMIN_BODY = 1_000_000
_SEND_BUFFER_BYTES = 1 << 16


class Simulator:
    """A simulator served by a thread of this process, for as long as the context lasts."""

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        config = config or SimulatorConfig()
        self.service = Service(config)
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
    """A thread for each connection; raises OSError when the port is taken."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: Service, port: int, host: str = _LOOPBACK) -> None:
        self.service = service
        self.is_stopping = Event()  # before binding, which closes the server when it fails
        super().__init__((host, port), _Handler)
        self.base = f"http://{host}:{self.server_port}"

    def server_close(self) -> None:
        """Stop listening, and let connections that are still open end without another answer."""
        self.is_stopping.set()
        super().server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Note a connection that broke; a client may hang up whenever it likes."""
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
            case "/query":
                params = dict(parse_qsl(parts.query, keep_blank_values=True))
                self._deliver(self.server.service.call(params, f"{self.server.base}{self.path}"))
            case "/_simulator/health":
                self._deliver(_json_answer({"status": "ok"}))
            case "/_simulator/stats":
                self._deliver(_json_answer(self.server.service.stats()))
            case path:
                self._deliver(self.server.service.speak(self._call(path, parts.query)) or _NOT_FOUND)

    def do_HEAD(self) -> None:
        """The head alone: an S3 client asks for a file's ETag and size with it."""
        self.do_GET()

    def _call(self, path: str, query: str) -> HttpCall:
        headers = {name.lower(): value for name, value in self.headers.items()}
        params = dict(parse_qsl(query, keep_blank_values=True))
        return HttpCall(self.command, path, params, headers, f"{self.server.base}{self.path}")

    def do_POST(self) -> None:
        routes: dict[str, Callable[[Service, str], Answer]] = {
            "/_simulator/clock": _set_clock,
            "/_simulator/faults": _set_faults,
        }
        route = routes.get(urlsplit(self.path).path)
        length = self.headers.get("Content-Length", "0")
        if route is None or not length.isdecimal() or int(length) > _LARGEST_ADMIN_BODY:
            self.close_connection = True
            self._deliver(_NOT_FOUND)
            return
        try:
            self._deliver(route(self.server.service, self.rfile.read(int(length)).decode()))
        except ValueError as error:
            self._deliver(_json_answer({"error": str(error)}, status=400))

    def log_message(self, format: str, *args: object) -> None:  # noqa: ARG002 - http.server's names
        """Log the path without its query: the query holds the key."""
        _LOG.debug("%s %s", self.command, urlsplit(getattr(self, "path", "")).path)

    def _deliver(self, answer: Answer) -> None:
        if self.server.is_stopping.is_set():
            self.close_connection = True
            return
        if answer.delivery is Delivery.SILENT:
            self.server.is_stopping.wait(answer.silent_seconds)
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if answer.delivery is Delivery.CUT:
            self.close_connection = True
            self.wfile.write(answer.body[: len(answer.body) // 2])
        else:
            self.wfile.write(answer.body)


def _set_clock(service: Service, text: str) -> Answer:
    """Put the clock to {"now": "2010-08-20T20:30:00Z"}; null is real time."""
    wanted = json.loads(text)
    if not isinstance(wanted, dict) or set(wanted) != {"now"}:
        raise ValueError('The clock is set with {"now": "2010-08-20T20:30:00Z"}, or null for real time.')
    now = wanted["now"]
    service.clock.set(None if now is None else datetime.fromisoformat(str(now)))
    return _json_answer({"now": service.clock.now().isoformat()})


def _set_faults(service: Service, text: str) -> Answer:
    """Replace the faults by those of a JSON list."""
    faults = parse_faults(text)
    service.set_faults(faults)
    return _json_answer({"faults": len(faults)})


def _json_answer(fields: dict[str, object], status: int = 200) -> Answer:
    return Answer(json.dumps(fields).encode(), status=status)


_NOT_FOUND = _json_answer({"error": "Nothing is served here; ask /query."}, status=404)
