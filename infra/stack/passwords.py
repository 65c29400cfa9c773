"""Applies the passwords in .secrets to the stores that keep their own copies."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from infra.stack.compose import StackError, compose, print_progress, start

SETUPS: Final = (
    "store-setup",
    "ledger-setup",
)  # apply the passwords in .secrets to their stores at each start
POSTGRES_PASSWORD: Final = "POSTGRES_PASSWORD"  # noqa: S105 - its name
# otherwise an error would show the statement with the password, here and in the server's log
_SILENTLY = b"\\set VERBOSITY terse\nSET log_min_error_statement = panic;\n"


def secret_file(stack: Mapping[str, Any], name: str) -> Path:
    """Returns the file of a secret of the stack.

    Raises:
        StackError: there is no such secret.
    """
    if name not in stack["secrets"]:
        raise StackError(f"there is no secret {name!r}; use one of {', '.join(sorted(stack['secrets']))}")
    return Path(stack["secrets"][name]["file"])


def require_secrets(stack: Mapping[str, Any]) -> None:
    """Checks that every secret has a file.

    Raises:
        StackError: names the secrets without one.
    """
    if missing := [name for name in stack["secrets"] if not secret_file(stack, name).is_file()]:
        raise StackError(f"there is no file in .secrets/ for {', '.join(missing)}: run `make env` first")


def apply_passwords(stack: Mapping[str, Any]) -> None:
    """Starts PostgreSQL and the object store and sets their passwords to those in .secrets.

    Raises:
        StackError: a store does not start, or refuses the change.
    """
    apply_postgres_password(stack)
    start(stack, {"minio": 1})
    for service in SETUPS:
        print_progress(f"running {service}")
        compose("run", "--rm", "--no-deps", "--no-TTY", service)


def apply_postgres_password(stack: Mapping[str, Any]) -> None:
    """Sets PostgreSQL's password to the one in .secrets, through its local socket, which asks for none.

    The statement goes through standard input, so neither a process list nor a log shows the password.

    Raises:
        StackError: PostgreSQL does not start, or refuses the change.
    """
    start(stack, {"postgres": 1})
    print_progress("setting PostgreSQL's password")
    password = secret_file(stack, POSTGRES_PASSWORD).read_text(encoding="utf-8").rstrip("\n")
    quoted = password.replace("'", "''")
    with tempfile.TemporaryFile() as sql:
        sql.write(_SILENTLY + f"ALTER ROLE prefect PASSWORD '{quoted}';\n".encode())
        sql.seek(0)
        words = ("psql", "--quiet", "--username", "prefect", "--dbname", "prefect")
        compose("exec", "--no-TTY", "postgres", *words, "--set", "ON_ERROR_STOP=1", source=sql)
