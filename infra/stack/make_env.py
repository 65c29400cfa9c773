"""`make env`: writes the passwords of the stack into .secrets/, random ones; those there already stay.

Each secret is a file of its own, mounted into the containers that need it and no other. The folder is
private to its owner; the files in it can be read by the users of the containers.
"""

import argparse
import secrets
import sys
from pathlib import Path

PASSWORDS = (
    "POSTGRES_PASSWORD",
    "LEDGER_PASSWORD",
    "MINIO_ROOT_PASSWORD",
    "LAKE_WRITER_SECRET",
    "GOLD_READER_SECRET",
    "PREFECT_API_PASSWORD",
)
PROVIDER_KEYS = (
    "ALPHAVANTAGE_API_KEY",
    "COINGECKO_API_KEY",
    "MASSIVE_ACCESS_KEY_ID",
    "MASSIVE_SECRET_ACCESS_KEY",
)
READABLE = 0o644  # the containers' users are others than the owner; the folder is his alone
NOTIFIED = ("NOTIFY_WEBHOOK_URL", "NOTIFY_SLACK_URL", "NOTIFY_EMAIL_URL")


def write_secrets(folder: Path) -> list[str]:
    """The names of the secrets that were missing; passwords are random, what a user fills in is empty.

    All files can be read by the containers' users afterwards, whatever the umask of those who wrote them.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    written = []
    for name in (*PASSWORDS, *PROVIDER_KEYS, *NOTIFIED):
        file = folder / name
        if not file.exists():
            file.write_text(secrets.token_hex(24) if name in PASSWORDS else "", encoding="utf-8")
            written.append(name)
        file.chmod(READABLE)
    return written


def main() -> None:
    """Writes what is missing and says what was written and what the user may fill in."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".secrets"))
    folder = parser.parse_args().folder
    try:
        written = write_secrets(folder)
    except OSError as error:
        remedy = (
            "its owner must be you" if isinstance(error, PermissionError) else "mend it, then repeat this"
        )
        sys.exit(f"make env: {error.filename or folder}: {error.strerror}; {remedy}")
    sys.stdout.write(f"{folder}/: {', '.join(written) or 'nothing was missing'}\n")
    sys.stdout.write(f"Who is told of failed runs: {folder}/NOTIFY_*_URL\n")
    empty = [name for name in PROVIDER_KEYS if not (folder / name).read_text().strip()]
    if empty:
        sys.stdout.write(f"Providers' keys go into {folder}/NAME, still empty: {', '.join(empty)}\n")


if __name__ == "__main__":
    main()
