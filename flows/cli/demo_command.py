"""`make demo`: real prices from a simulated provider through all layers, and what to try next."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from config.load import load_settings
from flows.cli.entry_point import run_in_process

if TYPE_CHECKING:
    from flows.operations.run_summary import RunSummary

CONFIG = Path("config/demo.toml")
NEXT = """
Next, try:
  alias lakehouse=.venv/bin/lakehouse; export LAKEHOUSE_CONFIG=config/demo.toml
  lakehouse sql 'select * from gold.stock_overview where symbol = "AAPL" order by trade_dt desc limit 5'
  lakehouse sql 'select * from gold.signals where is_triggered order by trade_dt desc limit 10'
  lakehouse explain gold.daily_kpis symbol=AAPL trade_dt=2010-08-20 interval=5min provider=alphavantage
  lakehouse bars AAPL --interval 1day --as-of 2010-08-20T23:59:00Z --limit 5
  lakehouse status
  open {report}
The daily prices are real (S&P 500, 2009-2010); intraday bars, currencies and company overviews are simulated.
"""


def main() -> None:
    """Starts the simulator, runs the real flows against it, prints the summary and the next steps."""
    os.environ.setdefault("PREFECT_HOME", str(Path(".lakehouse/prefect").resolve()))
    os.environ["ALPHAVANTAGE_API_KEY"] = "demo-of-the-lakehouse"
    os.environ["LAKEHOUSE_CONFIG"] = str(CONFIG)
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
    run_in_process(_demo)


def _demo() -> None:
    from flows.cli.context import open_context  # noqa: PLC0415 - after the environment is set
    from flows.cli.run import finish  # noqa: PLC0415
    from flows.simulator.process import start_process  # noqa: PLC0415
    from flows.simulator.service import SimulatorConfig  # noqa: PLC0415

    settings = load_settings(os.environ)
    with start_process(SimulatorConfig(clock=settings.as_if_at)) as simulator:
        os.environ["LAKEHOUSE_PROVIDERS__ALPHAVANTAGE__BASE_URL"] = simulator.url
        finish(open_context(CONFIG, is_json=False), _run)
    print(NEXT.format(report=settings.report))  # noqa: T201 - the demo speaks to a person


def _run() -> "RunSummary":
    from rich.console import Console  # noqa: PLC0415

    from flows.cli.progress_bar import progress_bar  # noqa: PLC0415
    from flows.demo import demo  # noqa: PLC0415 - imports Prefect

    with progress_bar(Console(stderr=True)):
        return demo()


if __name__ == "__main__":
    main()
