"""The probe of a store's conditional writes, against a fake store that misbehaves."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Barrier, Thread

import pytest

from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.object_store import create_winners

# What becomes of a creation, by its number in the order of arrival: a status, or None: no answer at all.
Answers = Callable[[int], int | None]
WRITERS = 8


@contextmanager
def standing_in(answers: Answers) -> Iterator[tuple[Lake, list[str]]]:
    """A lake in a store that answers creations so, and the methods of all requests."""
    requests: list[str] = []
    numbers = count()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            requests.append("PUT")
            self.rfile.read(int(self.headers["Content-Length"]))
            status = answers(next(numbers))
            if status is None:
                self.close_connection = True
            else:
                self._answer(status)

        def do_DELETE(self) -> None:
            requests.append("DELETE")
            self._answer(204)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield lake_at(server.server_port), requests
        finally:
            server.shutdown()


def lake_at(port: int) -> Lake:
    options = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing-secret",
    }
    return Lake("s3a://market/lake", options)


@pytest.fixture
def store() -> Iterator[Callable[[Answers], tuple[Lake, list[str]]]]:
    with ExitStack() as stack:
        yield lambda answers: stack.enter_context(standing_in(answers))


Store = Callable[[Answers], tuple[Lake, list[str]]]


@pytest.mark.parametrize("winners", [1, 2])
def test_the_writers_that_created_the_object_are_counted(store: Store, winners: int) -> None:
    lake, requests = store(lambda number: 200 if number < winners else 412)
    assert create_winners(lake, WRITERS) == winners
    assert sorted(requests) == ["DELETE", *["PUT"] * WRITERS]


def test_a_winner_whose_response_is_lost_does_not_retry_against_itself(store: Store) -> None:
    all_there = Barrier(WRITERS)  # an error ends the probe, also for who has not begun

    def answers(number: int) -> int | None:
        if number < WRITERS:
            all_there.wait(timeout=60)
        return None if number == 0 else 412

    lake, requests = store(answers)
    with pytest.raises(LakeError, match=r"s3a://market/lake: the store cannot be probed .*repeat"):
        create_winners(lake, WRITERS)
    assert requests.count("PUT") == WRITERS


def test_a_probe_without_a_winner_does_not_accuse_the_store(store: Store) -> None:
    lake, _requests = store(lambda _number: 412)
    with pytest.raises(LakeError, match=r"cannot be probed: of 8 writers at once none .* repeat"):
        create_winners(lake, WRITERS)
