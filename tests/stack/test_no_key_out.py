"""A provider's key that was used is in its file and nowhere else: logs, images, databases, volumes."""

import json
import subprocess
from typing import Any

from delta_tables.arrow_io import read_rows
from delta_tables.catalogue import ALL_TABLES
from tests.stack.running_stack import CANARY, DEMO, IMAGES, PROJECT, Stack


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
    assert not leaks(stack), leaks(stack)


def leaks(stack: Stack) -> list[str]:
    """The images, databases and volumes in which the key is found, as it is or in the tables' text."""
    sources = {image: ["docker", "save", image] for image in IMAGES}
    sources["databases"] = [
        *("docker", "compose", "--project-name", PROJECT, "exec", "-T", "postgres"),
        *("pg_dumpall", "--host", "/var/run/postgresql", "--username", "prefect"),
    ]
    for volume in ("minio", "postgres", "state"):
        mounted = ["--volume", f"{PROJECT}_{volume}:/volume:ro", "--user", "0", IMAGES[0]]
        sources[volume] = ["docker", "run", "--rm", "--network", "none", *mounted, "tar", "-c", "/volume"]
    found = [name for name, command in sources.items() if is_in(stack, command)]
    return found + [name for name, text in table_texts(stack) if CANARY in text]


def is_in(stack: Stack, command: list[str]) -> bool:
    """Whether the key is in what a command writes; the command must write something."""
    with subprocess.Popen(command, cwd=stack.folder, stdout=subprocess.PIPE) as source:
        assert source.stdout is not None
        tail, size, found = b"", 0, False
        while block := source.stdout.read(1 << 20):
            size += len(block)
            found = found or CANARY.encode() in tail + block
            tail = block[-len(CANARY) :]
    assert source.returncode == 0, command
    assert size > 1000, command
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
