"""CSV files that a spreadsheet may open: no text of a provider is run as a formula, and none is lost."""

import csv
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.gold import SIGNALS
from serving.errors import ServingError
from serving.export.formulas import stored_text
from serving.export.text_encoding import csv_lines, raw_csv_lines
from tests.builders.sample_lake import DAYS, add, signal
from tests.serving.command_line import run_command

FORMULAS = (
    "=1+1",
    "+1",
    "-1.5",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\n=x",
    '   =HYPERLINK("http://h/"&A1)',
    "\N{NO-BREAK SPACE}=1",
    "\N{ZERO WIDTH NO-BREAK SPACE}=1",
    "\x00=1",
    '"=1"',
    "'=1",
    "''+1",
    "`=1",
    "'\tx",
    "\N{FULLWIDTH EQUALS SIGN}1",
    "\N{IDEOGRAPHIC SPACE}\N{FULLWIDTH COMMERCIAL AT}x",
)
HARMLESS = ("AAPL", "P/E = 42", "", "'tis", "a-b", "1-2", "(=1)", "\N{MINUS SIGN}5%", "^GSPC", " x", '"x"')


def cells(lines: list[str]) -> list[str]:
    return [row[0] for row in csv.reader(io.StringIO("\n".join(lines) + "\n", newline=""))]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_begins_as_a_formula_does(text: str) -> None:
    (cell,) = cells(csv_lines(pa.table({"a": [text]})))
    assert cell == f"'{text}"
    assert stored_text(cell) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_is_written_as_it_is(text: str) -> None:
    assert cells(csv_lines(pa.table({"a": [text]}))) == [text]
    assert stored_text(text) == text


@given(st.text(alphabet=st.sampled_from("'\"=+-@\t\r\n x1`\x00\ufeff\u3000\uff1d\u2212"), max_size=8))
def test_every_text_is_read_back(text: str) -> None:
    (cell,) = cells(csv_lines(pa.table({"a": [text]}))) or [""]
    assert stored_text(cell) == text
    assert not cell.lstrip(' \t\r\n\x00\ufeff\u3000"`').startswith(("=", "+", "-", "@", "\uff1d"))


def test_numbers_are_numbers() -> None:
    table = pa.table(
        {
            "decimal": pa.array([Decimal("-1.5"), None]),
            "double": [-2.5, 1e-300],
            "integer": [-3, None],
            "list": [["=x"], None],
            "null": pa.array([None, None], pa.string()),
        }
    )
    assert csv_lines(table) == ['-1.5,-2.5,-3,"[""=x""]",', ",1e-300,,,"]
    assert raw_csv_lines(table) == csv_lines(table)


@pytest.fixture
def poisoned(lake: Lake) -> Lake:
    """A lake with a reason that a spreadsheet would run, and a negative value."""
    create_tables(lake)
    text, value = "=cmd|' /C calc'!A0", Decimal("-41.5")
    row = signal("AAPL", DAYS[0], "Volume Spike % Alert", is_triggered=True, reason=text, value=value)
    add(lake, SIGNALS, row)
    return lake


def exported(lake: Lake, folder: Path, *options: str) -> Path:
    done = run_command(lake, "export", "gold.signals", "--to", folder, *options)
    assert done.exit_code == 0, done.output
    (written,) = (path for path in folder.rglob("data.*"))
    return written


def test_an_export_as_csv_is_safe_unless_raw_text_is_asked_for(poisoned: Lake, tmp_path: Path) -> None:
    safe = list(csv.DictReader(exported(poisoned, tmp_path / "safe", "--format", "csv").open(newline="")))
    raw = list(csv.DictReader(exported(poisoned, tmp_path / "raw", "--format", "csv", "--raw-text").open()))
    assert (safe[0]["reason"], safe[0]["value"]) == ("'=cmd|' /C calc'!A0", "-41.5")
    assert (raw[0]["reason"], raw[0]["value"]) == ("=cmd|' /C calc'!A0", "-41.5")
    assert stored_text(safe[0]["reason"]) == raw[0]["reason"]
    for name, escapes in (("safe", True), ("raw", False)):
        manifest = json.loads((tmp_path / name / "gold_signals/_manifest.json").read_text())
        assert manifest["escapes_formulas"] is escapes


def test_json_and_parquet_hold_the_text_as_it_is(poisoned: Lake, tmp_path: Path) -> None:
    line = gzip.decompress(exported(poisoned, tmp_path / "json", "--format", "json").read_bytes())
    rows = pq.read_table(exported(poisoned, tmp_path / "parquet")).to_pylist()
    assert json.loads(line)["reason"] == rows[0]["reason"] == "=cmd|' /C calc'!A0", Decimal("-41.5")
    with pytest.raises(ServingError, match="--raw-text applies to csv; parquet always holds text as it is"):
        exported(poisoned, tmp_path / "x", "--raw-text")
