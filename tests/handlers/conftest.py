"""A real HTTP server with scripted responses, and a handler that uses it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.handlers.alphavantage.handler import AlphaVantage
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.handlers.transport.http_client import HttpClient
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import HttpPolicy

CANARY = "CANARY7KEY/42+X="
NOW = datetime(2024, 3, 5, 12, 0, tzinfo=UTC)


@dataclass
class ScriptedServer:
    """Sends the responses in order, and repeats the last one."""

    answers: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""

    def will_answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Adds a response; underscores in header names stand for hyphens."""
        sent = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}

        def answer(to: BaseHTTPRequestHandler) -> None:
            to.send_response(status)
            for name, value in sent.items():
                to.send_header(name, value)
            to.end_headers()
            to.wfile.write(body)

        self.answers.append(answer)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    script = ScriptedServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = len(script.paths)
            script.paths.append(self.path)
            script.answers[min(number, len(script.answers) - 1)](self)

        def log_message(self, *_: Any) -> None:
            """Logs nothing: the log lines under test are the client's."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        script.url = f"http://127.0.0.1:{running.server_port}/query"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield script
        running.shutdown()
        thread.join()


@pytest.fixture
def canary() -> str:
    return CANARY


@pytest.fixture
def sleeps() -> list[float]:
    """The pauses between attempts, recorded instead of slept."""
    return []


@pytest.fixture
def make_handler(tmp_path: Path, sleeps: list[float]) -> Iterator[Callable[..., AlphaVantage]]:
    made: list[AlphaVantage] = []

    def make(url: str, key: str = CANARY, **policy: Any) -> AlphaVantage:
        defaults = {"read_timeout_seconds": 60.0, "connect_timeout_seconds": 60.0}
        http = HttpClient(Redactor([key]), HttpPolicy(**(defaults | policy)), sleep=sleeps.append)
        limiter = RateLimiter(tmp_path / "unused.sqlite", ())
        made.append(AlphaVantage(http, limiter, key, plan="unmetered", base_url=url, clock=lambda: NOW))
        return made[-1]

    yield make
    for handler in made:
        handler.close()
