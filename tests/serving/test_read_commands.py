"""The reading commands of the command line."""

import json
import subprocess
import sys
import textwrap
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from config.settings import Settings
from delta_tables.storage.lake import Lake
from serving.errors import ServingError
from serving.explain.explain import explain
from serving.monitor.status import status
from serving.output import terminal as show
from serving.output.json_text import cell_text, json_text
from tests.serving.command_line import output_of

QUERY = (
    'select symbol, trade_dt, close from gold.stock_overview where symbol = "AAPL" order by trade_dt limit 1'
)


def test_sql_prints_plain_lines_on_a_pipe(sample: Lake) -> None:
    assert output_of(sample, "sql", QUERY) == "symbol\ttrade_dt\tclose\nAAPL\t2026-01-02\t250.1\n"


def test_sql_prints_json_with_decimals_as_texts(sample: Lake) -> None:
    assert json.loads(output_of(sample, "sql", QUERY, is_json=True)) == [
        {"symbol": "AAPL", "trade_dt": "2026-01-02", "close": "250.100000"}
    ]


def test_bars_as_of_gives_the_value_known_then(sample: Lake) -> None:
    words = ("bars", "AAPL", "--interval", "1day", "--from", "2026-01-06", "--as-of")
    old = json.loads(output_of(sample, *words, "2026-01-07T00:00:00Z", is_json=True))
    new = json.loads(output_of(sample, *words, "2026-01-08T00:00:00Z", is_json=True))
    assert [row["close"] for row in old + new] == ["252.000000000000", "252.300000000000"]
    assert old[0]["known_to"] == "2026-01-07T22:00:00+00:00"


def test_bars_limit_keeps_the_last(sample: Lake) -> None:
    found = json.loads(output_of(sample, "bars", "AAPL", "--interval", "1day", "--limit", "1", is_json=True))
    assert [row["trade_dt"] for row in found] == ["2026-01-06"]


def test_explain_shows_the_bytes(sample: Lake) -> None:
    text = output_of(
        sample, "explain", "gold.daily_kpis", "symbol=AAPL", "trade_dt=2026-01-06", "interval=1day"
    )
    assert '"4. close": "252.30"' in text
    assert "HTTP 200" in text
    found = json.loads(
        output_of(sample, "explain", "silver.bars", "symbol=MSFT", "trade_dt=2026-01-06", is_json=True)
    )
    assert found["sources"][0]["is_intact"] is True


def test_status_and_report_print_their_results(sample: Lake, tmp_path: Path) -> None:
    assert "silver.bars\t10" in output_of(sample, "status")
    assert "missing\talphavantage\tdaily\tMSFT\t1day\t2026-01-05\t0\t1\t" in output_of(sample, "status")
    assert json.loads(output_of(sample, "status", is_json=True))["tables"][0]["name"] == "bronze.raw_payloads"
    written = json.loads(
        output_of(sample, "report", is_json=True, settings=Settings(report=tmp_path / "report.html"))
    )["report"]
    assert Path(written).read_text().startswith("<!doctype html>")


def test_an_error_names_the_nearest_symbol(sample: Lake) -> None:
    with pytest.raises(ServingError, match="did you mean AAPL"):
        output_of(sample, "bars", "AAPLE")


def terminal(width: int) -> Console:
    return Console(file=StringIO(), force_terminal=True, width=width, color_system=None)


def shown(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_wide_row_becomes_a_block_on_a_narrow_terminal(sample: Lake) -> None:
    wide, narrow = terminal(400), terminal(60)
    for console in (wide, narrow):
        show.print_status(console, status(sample))
    assert "row 1" not in shown(wide)
    assert "row 1" in shown(narrow)


def test_a_received_value_cannot_control_the_terminal(sample: Lake) -> None:
    found = explain(sample, "silver.fundamentals", ["symbol=AAPL"])
    console = terminal(200)
    show.print_explanation(console, type(found)(**{**vars(found), "row": {"name": "\x1b[2J[bold]x"}}))
    assert "\x1b[2J" not in shown(console)
    assert "[bold]x" in shown(console)


def test_columns_of_the_same_name_are_all_kept() -> None:
    import pyarrow as pa  # noqa: PLC0415 - this test only

    table = pa.table([pa.array([1]), pa.array([2]), pa.array([3])], names=["x", "x", "y"])
    assert json.loads(json_text(table)) == [{"x": 1, "x_2": 2, "y": 3}]


def test_cells_are_short_and_exact() -> None:
    from decimal import Decimal  # noqa: PLC0415 - this test only

    values = (None, Decimal("1.500000"), Decimal("100"), Decimal("1E+3"), True, b"abc", ["a"])
    assert [cell_text(value) for value in values] == ["", "1.5", "100", "1000", "true", "abc", '["a"]']


def test_help_imports_nothing_heavy() -> None:
    root = Path(__file__).resolve().parents[2]
    heavy = ("prefect", "jinja2", "pandas", "soda", "serving")
    code = f"import sys, flows.cli.queries; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


READS = """
    import sys
    from datetime import UTC, datetime
    from rich.console import Console
    from config.secrets import Secrets
    from config.settings import Settings
    from delta_tables.storage.arrow_io import read_rows
    from delta_tables.storage.lake import Lake
    from delta_tables.tables.silver import BARS
    from flows.cli import context
    from flows.cli.app import app

    lake = Lake(sys.argv[1])
    assert read_rows(lake, BARS).num_rows
    opened = context.CliContext(
        Settings(), Secrets(_env_file=None), lake, False, Console(), lambda: datetime.now(UTC)
    )
    context.open_context = lambda *_, **__: opened
    explain = "explain silver.bars symbol=MSFT trade_dt=2026-01-06"
    for command in ("status", "bars AAPL", "bars AAPL --adjusted total", "health silver.bars", explain):
        app(command.split(), standalone_mode=False)
    print("imported:", [name for name in ("pandas", "prefect") if name in sys.modules])
"""


def test_reading_does_not_import_pandas(sample: Lake) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", textwrap.dedent(READS), sample.root]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported: []"


def test_a_backtest_reads_without_pandas_and_pyspark(sample: Lake) -> None:
    code = """
        import sys
        from serving.read import open_reader
        reader = open_reader(sys.argv[1])
        assert len(reader.bars("AAPL")) and len(reader.universe())
        print([name for name in ("pandas", "pyspark") if name in sys.modules])
    """
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", textwrap.dedent(code), sample.root]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
