"""infra/stack/guard.sh and with_secrets.sh as the containers run them: no password, no start."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.stack.make_env import PASSWORDS, write_secrets

ROOT = Path(__file__).resolve().parents[2]
STACK = ROOT / "infra" / "stack"
REPLACE = (
    "remove .secrets/KEY and run 'make env' (if the stack has run before: 'make rotate NAME=KEY' instead)"
)
NOBODY = 65534  # neither root, who reads everything, nor the files' owner


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can reach, as /run/secrets of a container is."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def guarded(folder: Path, *names: str) -> "subprocess.CompletedProcess[str]":
    """The end of the guard's script for these secrets, run as another user where this one is root."""
    return subprocess.run(
        ["/bin/sh", "-s", "--", *names],
        input=(STACK / "guard.sh").read_text(encoding="utf-8"),
        env={"PATH": os.environ["PATH"], "SECRETS_FOLDER": str(folder)},
        cwd="/",
        user=NOBODY if os.getuid() == 0 else None,
        check=False,
        capture_output=True,
        text=True,
    )


def given(folder: Path, value: bytes) -> "subprocess.CompletedProcess[str]":
    (folder / "KEY").write_bytes(value)
    return guarded(folder, "KEY")


@pytest.mark.parametrize(
    "value",
    [b"3f9c0d7a4e5b6182", b"Kx._~-Kx._~-Kx._~-", b"correct.horse.battery.staple\n", b"1234deadbeefdeadbeef"],
)
def test_a_password_is_let_through(folder: Path, value: bytes) -> None:
    done = given(folder, value)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("value", [b"", b"\n", b"\n\n"])
def test_a_blank_one_is_refused(folder: Path, value: bytes) -> None:
    done = given(folder, value)
    assert done.returncode == 1
    assert done.stderr == f"KEY: is blank; {REPLACE}\n"


@pytest.mark.parametrize(
    "value", [b"minioadmin", b"my-Password-is-long", b"1234567890123456", b"ChangeMe", b"postgres", b"admin"]
)
def test_a_well_known_one_is_refused(folder: Path, value: bytes) -> None:
    done = given(folder, value)
    assert done.returncode == 1
    assert done.stderr == f"KEY: is a well-known password; {REPLACE}\n"


def test_a_short_one_is_refused(folder: Path) -> None:
    done = given(folder, b"3f9c0d7a4e5b618")
    assert done.returncode == 1
    assert done.stderr == f"KEY: is shorter than 16 characters; {REPLACE}\n"


@pytest.mark.parametrize("character", [*"@/%#:?&=+$ \"'\\`;|<>()[]{}*!,^\t\n\r", "é"])
def test_one_that_would_break_an_address_is_refused_and_not_shown(folder: Path, character: str) -> None:
    done = given(folder, f"3f9c0d7a{character}4e5b6182a7c3".encode())
    assert done.returncode == 1
    assert done.stderr.startswith("KEY: has characters other than letters, digits and . _ ~ -; remove ")
    assert "3f9c0d7a" not in done.stderr


def test_a_missing_one_is_refused_and_each_bad_one_is_named(folder: Path) -> None:
    (folder / "SHORT").write_text("3f9c", encoding="utf-8")
    (folder / "WELL").write_text("3f9c0d7a4e5b6182", encoding="utf-8")
    done = guarded(folder, "MISSING", "WELL", "SHORT")
    assert done.returncode == 1
    assert [line.split(";")[0] for line in done.stderr.splitlines()] == [
        "MISSING: there is no such secret",
        "SHORT: is shorter than 16 characters",
    ]


def test_one_that_the_containers_user_cannot_read_is_refused(folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can look at a file as another user does (2026-11)")
    (folder / "KEY").write_text("3f9c0d7a4e5b6182", encoding="utf-8")
    (folder / "KEY").chmod(0o600)
    done = guarded(folder, "KEY")
    assert done.returncode == 1
    assert done.stderr == "KEY: cannot be read by the containers' users; run 'make env' to make it readable\n"


def test_what_make_env_writes_is_let_through_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        write_secrets(folder / "secrets")
    finally:
        os.umask(before)
    (folder / "secrets").chmod(
        0o755
    )  # Docker mounts the files one by one: the folder is no part of a container
    done = guarded(folder / "secrets", *PASSWORDS)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_script_that_makes_an_address_of_a_password_takes_one_that_is_guarded() -> None:
    in_addresses = {
        name
        for script in STACK.glob("*.sh")
        for line in script.read_text(encoding="utf-8").splitlines()
        if "://" in line or "AUTH_STRING" in line
        for name in PASSWORDS
        if f"${{{name}}}" in line
    }
    assert in_addresses == {"POSTGRES_PASSWORD", "LEDGER_PASSWORD", "PREFECT_API_PASSWORD"}


def started(folder: Path, *command: str) -> list[str]:
    """The lines that a command prints which a script of the stack starts with these secrets."""
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "SECRETS_FOLDER": str(folder),
        "TMPDIR": str(folder),
    }
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True, timeout=120, cwd="/"
    )
    return done.stdout.splitlines()


ADDRESSES = {"PREFECT_API_AUTH_STRING", "LEDGER_DATABASE_URL"}


def test_a_command_gets_the_secrets_and_the_addresses_that_are_made_of_them(folder: Path) -> None:
    (folder / "PREFECT_API_PASSWORD").write_text("an-api-one\n", encoding="utf-8")
    (folder / "LEDGER_PASSWORD").write_text("a-ledger-one", encoding="utf-8")
    (folder / "NOTIFY_EMAIL_URL").write_text("mailtos://a b?c=d", encoding="utf-8")
    found = dict(line.split("=", 1) for line in started(folder, str(STACK / "with_secrets.sh"), "env"))
    assert (found["PREFECT_API_PASSWORD"], found["NOTIFY_EMAIL_URL"]) == ("an-api-one", "mailtos://a b?c=d")
    assert found["PREFECT_API_AUTH_STRING"] == "lakehouse:an-api-one"
    assert found["LEDGER_DATABASE_URL"] == "postgresql://ledger:a-ledger-one@postgres:5432/ledger"


def test_in_files_the_secrets_are_no_part_of_the_environment_and_our_programs_find_them(folder: Path) -> None:
    for name, content in (
        ("PREFECT_API_PASSWORD", "an-api-one"),
        ("LEDGER_PASSWORD", "a-ledger-one"),
        ("ALPHAVANTAGE_API_KEY", "a-key\n"),
    ):
        (folder / name).write_text(content, encoding="utf-8")
    read = "from config.secrets import load_secrets; print(load_secrets().values())"
    script = f'env; stat -c %a "$SECRETS_FOLDER" "$SECRETS_FOLDER"/*; cd {ROOT}; {sys.executable} -c "{read}"'
    said = started(folder, str(STACK / "with_secrets.sh"), "--files", "sh", "-c", script)
    environ = dict(line.split("=", 1) for line in said if "=" in line)
    assert environ["PREFECT_API_AUTH_STRING"] == "lakehouse:an-api-one"
    assert not {"ALPHAVANTAGE_API_KEY", "LEDGER_PASSWORD", "LEDGER_DATABASE_URL"} & set(environ)
    assert set(said) & {"700", "600", "644"} == {"700", "600"}
    assert said[-1] == "('a-key', 'postgresql://ledger:a-ledger-one@postgres:5432/ledger')"


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_without_their_passwords_there_are_no_addresses(folder: Path, content: str | None) -> None:
    if content is not None:
        (folder / "PREFECT_API_PASSWORD").write_text(content, encoding="utf-8")
        (folder / "LEDGER_PASSWORD").write_text(content, encoding="utf-8")
    found = dict(line.split("=", 1) for line in started(folder, str(STACK / "with_secrets.sh"), "env"))
    assert not ADDRESSES & set(found)


@pytest.mark.parametrize("content", ["a-ledger-one", ""])
def test_the_command_line_in_the_container_starts_once_also_with_a_blank_password(
    folder: Path, content: str
) -> None:
    (folder / "LEDGER_PASSWORD").write_text(content, encoding="utf-8")
    (folder / "lakehouse").write_text('#!/bin/sh\necho called: "$@"\n', encoding="utf-8")
    (folder / "lakehouse").chmod(0o755)
    assert started(folder, str(STACK / "cli.sh"), "sql", "select 1") == ["called: sql select 1"]
