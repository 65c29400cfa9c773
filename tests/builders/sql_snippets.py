"""The snippets of docs/sql.md, and how they are run as they stand.

Each is fenced as ```language kind name; the kind says where it can be run:
`setup` (names where Gold is), `lake` (anywhere), `folder` and `bucket` (a lake there), `stack` (the
composed stack), `unrun` (nowhere: it downloads something).
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from csv import reader
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "sql.md"
KINDS = ("setup", "lake", "folder", "bucket", "stack", "unrun")
# the lines that ask the page's one question, wherever they can be run
QUESTION = re.compile(r"select trade_dt, close, price_change_pct,.*? limit 3", re.DOTALL)
Rows = list[tuple[str, ...]]

_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_TELL = """
import json as _json
_found = answer.fetchall() if hasattr(answer, "fetchall") else answer.rows()
print("ANSWER " + _json.dumps([[str(cell) for cell in row] for row in _found]))
"""


@dataclass(frozen=True)
class Snippet:
    """One fenced block of the page, word for word."""

    language: str
    kind: str
    name: str
    text: str


def snippets(*kinds: str) -> list[Snippet]:
    """The snippets of these kinds, in the page's order; of all kinds where none is named."""
    found = []
    for fence in _FENCE.finditer(PAGE.read_text(encoding="utf-8")):
        words = fence["info"].split()
        assert len(words) == 3, f"{PAGE.name}: wanted ```language kind name, found ```{fence['info']}"
        language, kind, name = words
        found.append(Snippet(language, kind, name, fence["text"]))
    return [each for each in found if not kinds or each.kind in kinds]


def snippet(kind: str, name: str) -> Snippet:
    """The one snippet of this kind and name."""
    (found,) = (each for each in snippets(kind) if each.name == name)
    return found


def make_root(folder: Path, reader_secret: str = "") -> Path:
    """`folder`, which now looks to a snippet like a checkout after `make install` and `make env`."""
    command = folder / ".venv" / "bin" / "lakehouse"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m flows.cli.app "$@"\n')
    command.chmod(0o755)
    (folder / ".secrets").mkdir()
    (folder / ".secrets" / "GOLD_READER_SECRET").write_text(reader_secret)
    return folder


def run(asked: Snippet, setup: str, root: Path, more: str = "") -> subprocess.CompletedProcess[str]:
    """What the snippet did in a fresh process at `root`, after the shell lines of `setup`.

    `more` is Python that is run after the snippet, in the same process.
    """
    ours = ("AWS_", "LAKEHOUSE_", "SPARK_", "LAKE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment["PYTHONPATH"] = str(ROOT)  # `make install` does this by an editable install
    body = asked.text
    if asked.language == "python":
        (root / "snippet.py").write_text(asked.text + more)
        body = f"exec {shlex.quote(sys.executable)} snippet.py"
    return subprocess.run(
        ["sh", "-euc", f"{setup}\n{body}"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def answer_of(asked: Snippet, setup: str, root: Path) -> Rows:
    """The rows that a snippet answers the page's question with."""
    done = run(asked, setup, root, _TELL if asked.language == "python" else "")
    assert done.returncode == 0, f"{asked.name}: {done.stderr}"
    if asked.language != "python":
        return separated_rows(done.stdout, "\t")
    told = done.stdout.partition("ANSWER ")[2]
    return [plain(row) for row in json.loads(told)]


def separated_rows(text: str, delimiter: str) -> Rows:
    """The rows of `lakehouse sql` on a pipe (tab) or of beeline's csv2 (comma), without the header."""
    lines = [line for line in reader(text.splitlines(), delimiter=delimiter) if line]
    return [plain(line) for line in lines[1:]]


def plain(row: Iterable[str]) -> tuple[str, ...]:
    """The cells, numbers without the zeros at their end: tools write as many as they please."""
    return tuple(_plain_cell(cell) for cell in row)


def _plain_cell(cell: str) -> str:
    try:
        return f"{Decimal(cell).normalize():f}"
    except InvalidOperation:
        return cell
