"""Where the passwords of .secrets are kept besides, and how the stores are told of them."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from infra.stack.compose import StackError, compose, say, start

SETUPS: Final = ("store-setup", "ledger-setup")  # tell their stores the passwords of .secrets at each start
POSTGRES_PASSWORD: Final = "POSTGRES_PASSWORD"  # noqa: S105 - its name
# an error would show the statement, here and in the server's log
_SILENTLY = b"\\set VERBOSITY terse\nSET log_min_error_statement = panic;\n"


def secret_file(stack: Mapping[str, Any], name: str) -> Path:
    """The file of a secret of the stack.

    Raises:
        StackError: there is no such secret.
    """
    if name not in stack["secrets"]:
        raise StackError(f"no secret {name!r}; there are {', '.join(sorted(stack['secrets']))}")
    return Path(stack["secrets"][name]["file"])


def require_secrets(stack: Mapping[str, Any]) -> None:
    """Passes where every secret has its file.

    Raises:
        StackError: names those that have none.
    """
    if missing := [name for name in stack["secrets"] if not secret_file(stack, name).is_file()]:
        raise StackError(f"no file in .secrets/ for {', '.join(missing)}: run `make env` first")


def apply_passwords(stack: Mapping[str, Any]) -> None:
    """Makes the passwords that PostgreSQL and the object store keep those of .secrets; both run afterwards.

    Raises:
        StackError: a store that does not come up, or refuses.
    """
    apply_postgres_password(stack)
    start(stack, {"minio": 1})
    for service in SETUPS:
        say(f"running {service}")
        compose("run", "--rm", "--no-deps", "--no-TTY", service)


def apply_postgres_password(stack: Mapping[str, Any]) -> None:
    """Makes PostgreSQL's password that of .secrets; needs no other: its own socket asks for none.

    It is told by standard input, so neither a list of processes nor a log shows the password.

    Raises:
        StackError: PostgreSQL does not come up, or refuses.
    """
    start(stack, {"postgres": 1})
    say("setting PostgreSQL's password")
    password = secret_file(stack, POSTGRES_PASSWORD).read_text(encoding="utf-8").rstrip("\n")
    quoted = password.replace("'", "''")
    with tempfile.TemporaryFile() as sql:
        sql.write(_SILENTLY + f"ALTER ROLE prefect PASSWORD '{quoted}';\n".encode())
        sql.seek(0)
        words = ("psql", "--quiet", "--username", "prefect", "--dbname", "prefect")
        compose("exec", "--no-TTY", "postgres", *words, "--set", "ON_ERROR_STOP=1", source=sql)
