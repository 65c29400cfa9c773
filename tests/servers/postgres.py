"""A real PostgreSQL server of the test's own, where its programs are on this machine."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.ports import free_port

PASSWORD = "hidden-word-of-nobody"


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a server on a free port of the loopback interface; skips the test where there is none."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not on this machine")
    user = _user()
    with tempfile.TemporaryDirectory() as folder:
        if user:
            shutil.chown(folder, **user)
        password_file, data = Path(folder) / "password", f"{folder}/data"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        how = ["-D", data, "-U", "ledger", "-A", "scram-sha-256", f"--pwfile={password_file}"]
        subprocess.run(
            [programs / "initdb", *how],
            check=True,
            capture_output=True,
            **user,  # type: ignore[call-overload]  # user and group
        )
        port = free_port()
        where = ["-h", "127.0.0.1", "-p", str(port), "-k", folder]
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *where, "-c", "fsync=off", "-c", "timezone=Asia/Kolkata"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **user,  # type: ignore[call-overload]  # user and group
        )
        try:
            url = f"postgresql://ledger:{PASSWORD}@127.0.0.1:{port}/postgres"
            _wait_for(url)
            yield url
        finally:
            process.send_signal(signal.SIGINT)  # SIGTERM would wait for connections that a test left open
            process.wait(timeout=60)


def _programs() -> Path | None:
    """Where initdb and postgres are: on the path, or where Debian has them."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return places[-1] if places else None


def _user() -> dict[str, str]:
    """PostgreSQL does not run as root: then as its own user."""
    if os.getuid() != 0:
        return {}
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    return {"user": "postgres", "group": "postgres"}


def _wait_for(url: str) -> None:
    import psycopg  # noqa: PLC0415 - of an extra, which the caller has looked for

    deadline = time.monotonic() + 120
    while True:
        try:
            psycopg.connect(url, connect_timeout=10).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
