"""`make env`: writes random passwords for the stack to .secrets/ and keeps existing ones.

Each secret is a separate file, mounted only into the containers that need it. The folder is private to its
owner; the users of the containers can read the files in it.
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
READABLE = 0o644  # the containers' users are not the owner; only the owner can enter the folder
NOTIFIED = ("NOTIFY_WEBHOOK_URL", "NOTIFY_SLACK_URL", "NOTIFY_EMAIL_URL")


def write_secrets(folder: Path) -> list[str]:
    """Writes missing secrets and returns their names; passwords are random, keys and addresses are empty.

    Afterwards the containers' users can read all files, whatever umask they were written with.
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
    """Writes missing secrets and prints what was written and what the user may fill in."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".secrets"))
    folder = parser.parse_args().folder
    try:
        written = write_secrets(folder)
    except OSError as error:
        remedy = (
            "you must own it"
            if isinstance(error, PermissionError)
            else "correct this, then run make env again"
        )
        sys.exit(f"make env: {error.filename or folder}: {error.strerror}; {remedy}")
    sys.stdout.write(f"{folder}/: {', '.join(written) or 'nothing was missing'}\n")
    sys.stdout.write(f"Addresses to notify of failed runs go into {folder}/NOTIFY_*_URL\n")
    empty = [name for name in PROVIDER_KEYS if not (folder / name).read_text().strip()]
    if empty:
        sys.stdout.write(f"Providers' keys go into {folder}/NAME; still empty: {', '.join(empty)}\n")


if __name__ == "__main__":
    main()
