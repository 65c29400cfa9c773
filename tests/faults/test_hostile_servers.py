"""Servers that never end, never begin, or send what no client should take: each is refused or bounded."""

import gzip
import resource
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from flows.handlers.alphavantage.handler import AlphaVantage, connect
from flows.handlers.errors import ProviderError
from flows.handlers.models import Query
from flows.handlers.transport.retry import HttpPolicy

DEADLINE_SECONDS = 2.0
PATIENCE_SECONDS = 120
MAX_GROWTH_KB = 400 * 1024  # 64 MiB of body are allowed, in a few copies
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Send = Callable[[socket.socket], None]


def whole(body: bytes, headers: bytes = b"", status: bytes = OK) -> Send:
    sent = status + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body
    return lambda to: to.sendall(sent)


def trickle(first: bytes, more: bytes, pause_seconds: float = 0.05) -> Send:
    """Sends `first` and then `more`, until the client goes away."""

    def send(to: socket.socket) -> None:
        to.sendall(first)
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            to.sendall(more)
            time.sleep(pause_seconds)

    return send


def bomb(layers: int) -> bytes:
    """1 GiB of zeros, compressed so many times."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    for _ in range(layers - 1):
        body = gzip.compress(body)
    return body


SERVERS: dict[str, Callable[[], Send]] = {
    "no answer": lambda: trickle(b"", b"", 0.1),
    "slow status line": lambda: trickle(b"HTTP/1.1 ", b"2"),
    "slow headers": lambda: trickle(OK + b"X-Slow: ", b"x"),
    "endless 100 Continue": lambda: trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "slow body": lambda: trickle(OK + b"Content-Length: 100000\r\n\r\n", b"{"),
    "slow chunk size": lambda: trickle(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "endless body": lambda: trickle(OK + b"\r\n", b"x" * 1_000_000, 0.0),
    "endless headers": lambda: trickle(OK, b"X-More: y\r\n" * 1000, 0.0),
    "one header of 10 MB": lambda: whole(b"{}", b"X: " + b"y" * 10_000_000 + b"\r\n"),
    "gzip bomb": lambda: whole(bomb(1), b"Content-Encoding: gzip\r\n"),
    "gzip bomb in gzip": lambda: whole(bomb(2), b"Content-Encoding: gzip, gzip\r\n"),
    "deep JSON": lambda: whole(b'{"Time Series (Daily)":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "redirect to another host": lambda: whole(
        b"", b"Location: http://169.254.169.254/latest/meta-data/\r\n", b"HTTP/1.1 302 Found\r\n"
    ),
    "wrong length": lambda: whole(b"{}", b"Content-Length: 99\r\n"),
    "no HTTP": lambda: lambda to: to.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
}


@pytest.fixture
def serve() -> Iterator[Callable[[Send], str]]:
    """Starts servers that send the same to each client; they end with the test."""
    listening: list[socket.socket] = []

    def start(send: Send) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)

        def answer(client: socket.socket) -> None:
            with suppress(OSError), closing(client):
                client.recv(65_536)
                send(client)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    threading.Thread(target=answer, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/query"

    yield start
    for server in listening:
        server.close()


def handler(url: str, folder: Path) -> AlphaVantage:
    policy = HttpPolicy(attempts=1, read_timeout_seconds=1.5, max_transfer_seconds=DEADLINE_SECONDS)
    return connect("a-key-of-nobody", folder, plan="unmetered", base_url=url, policy=policy)


@pytest.mark.parametrize("kind", SERVERS)
def test_hostile_server(
    kind: str,
    serve: Callable[[Send], str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    url = serve(SERVERS[kind]())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, raised = time.monotonic(), []

    def fetch() -> None:
        with closing(handler(url, tmp_path)) as opened, pytest.raises(ProviderError) as error:
            list(opened.fetch(Query("daily", "AAPL")))
        raised.append(error.value)

    fetching = threading.Thread(target=fetch, daemon=True)
    fetching.start()
    fetching.join(PATIENCE_SECONDS)
    assert raised, f"still waiting, or took it for data, after {time.monotonic() - began:.0f} s"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < MAX_GROWTH_KB
    record_property(
        "happened",
        f"{raised[0].error_class} after {time.monotonic() - began:.1f} s (deadline {DEADLINE_SECONDS:g} s), "
        f"{grown // 1024} MB more: {str(raised[0]).split('found', 1)[-1][:90]}",
    )
