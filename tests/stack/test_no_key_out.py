"""A provider's key that was used is in its file and nowhere else: logs, images, databases, volumes."""

import gzip
import json
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BufferedReader
from typing import IO, Any, cast

from delta_tables.storage.arrow_io import read_rows
from delta_tables.tables.catalogue import ALL_TABLES
from infra.stack.make_env import PASSWORDS
from tests.stack.running_stack import CANARY, DEMO, IMAGES, PROJECT, Stack

# A file that each image has, and a text that is in each of the others: what finds these would find a key.
KNOWN_FILES = dict(
    zip(IMAGES, ("infra/stack/guard.sh", "infra/spark/health.py", "infra/minio/health.sh"), strict=True)
)
KNOWN_TEXTS = {
    "databases": b"CREATE ROLE ledger",
    "minio": b"lake-writer",
    "postgres": b"PG_VERSION",
    "state": b"volume/",
}
GZIP = b"\x1f\x8b"
# GNU tar ends with 1 where a file was written to or removed as it was read: the stack goes on working.
TAR_OF_LIVE_FILES = 'tar -c "$0" || test $? -eq 1'
BETWEEN = b"\0"  # files that follow each other make no key together


def test_a_provider_s_key_is_nowhere_but_in_its_file(stack: Stack) -> None:
    run = stack.start(
        "market-data/daily-after-close", {}, {**DEMO, "LAKEHOUSE_LAKE": "s3://lakehouse/canary"}
    )
    ended = stack.ended(run)
    assert ended.state_type == "COMPLETED", ended
    used = stack.keys("canary/bronze/raw_payloads/")
    assert any(key.endswith(".parquet") for key in used)  # the key was sent, and answers came
    assert CANARY not in stack.compose("logs", "--no-color")
    assert CANARY not in json.dumps(stack.containers())
    assert CANARY not in stack.logs_of(run)
    assert leaks(stack) == []


def test_no_password_of_the_stack_is_in_a_log(stack: Stack) -> None:
    logs = stack.compose("logs", "--no-color")
    assert len(logs) > 1000
    assert [name for name in PASSWORDS if stack.secret(name) in logs] == []


def leaks(stack: Stack) -> list[str]:
    """The images, databases and volumes in which the key is found, as it is or in the tables' text."""
    key = CANARY.encode()
    found = []
    for image, name in KNOWN_FILES.items():
        known = (stack.folder / name).read_bytes()
        with written_by(stack, ["docker", "save", image]) as source:
            said = found_in(layer_blocks(source), {key, known})
        assert known in said, f"{image}: {name} was not found: what is in its layers cannot be read like this"
        found += [image] * (key in said)
    sources = {
        "databases": [
            *("docker", "compose", "--project-name", PROJECT, "exec", "-T", "postgres"),
            *("pg_dumpall", "--host", "/var/run/postgresql", "--username", "prefect"),
        ]
    }
    for volume in ("minio", "postgres", "state"):
        sources[volume] = [
            *("docker", "run", "--rm", "--network", "none", "--volume", f"{PROJECT}_{volume}:/volume:ro"),
            *("--user", "0", IMAGES[0], "sh", "-c", TAR_OF_LIVE_FILES, "/volume"),
        ]
    for name, command in sources.items():
        known = KNOWN_TEXTS[name]
        with written_by(stack, command) as source:
            said = found_in(blocks(source), {key, known})
        assert known in said, (name, command)
        found += [name] * (key in said)
    return found + [name for name, text in table_texts(stack) if CANARY in text]


@contextmanager
def written_by(stack: Stack, command: list[str]) -> Iterator[IO[bytes]]:
    """What a command writes; AssertionError where it fails."""
    with subprocess.Popen(command, cwd=stack.folder, stdout=subprocess.PIPE) as source:
        assert source.stdout is not None
        yield source.stdout
        for _rest in blocks(source.stdout):  # what follows the end of an archive: else the pipe breaks
            pass
    assert source.returncode == 0, command


def blocks(source: IO[bytes] | BufferedIOBase) -> Iterator[bytes]:
    """What is read, in pieces."""
    while block := source.read(1 << 20):
        yield block


def layer_blocks(source: IO[bytes]) -> Iterator[bytes]:
    """The layers and notes of an image that `docker save` writes, in pieces; some engines compress layers."""
    with tarfile.open(fileobj=source, mode="r|") as archive:
        for member in archive:
            if member.isfile():
                file = cast(BufferedReader, archive.extractfile(member))
                is_gzip = file.peek(len(GZIP)).startswith(GZIP)
                yield from blocks(gzip.GzipFile(fileobj=file) if is_gzip else file)
                yield BETWEEN


def found_in(pieces: Iterable[bytes], needles: set[bytes]) -> set[bytes]:
    """Those of the needles that are in the pieces, as they follow each other."""
    longest = max(map(len, needles))
    tail, found = b"", set[bytes]()
    for piece in pieces:
        text = tail + piece
        found |= {needle for needle in needles if needle in text}
        tail = text[-longest:]
    return found


def table_texts(stack: Stack) -> list[tuple[str, str]]:
    """The rows of every table in which a request may be told of: files of tables are compressed."""
    lake = stack.lake("canary")

    def text(value: Any) -> str:
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

    told = []
    for table in ALL_TABLES:
        if table.layer in {"bronze", "ops"}:
            rows = read_rows(lake, table).to_pylist()
            told.append((table.full_name, "\n".join(text(value) for row in rows for value in row.values())))
    assert sum(len(rows) for _name, rows in told) > 1000
    return told
