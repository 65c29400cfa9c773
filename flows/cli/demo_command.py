"""`make demo`: real prices from a simulated provider through all layers, and what to try next."""

import os
from pathlib import Path

from config.load import load_settings
from flows.cli.entry_point import run_in_process

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
    """Starts the simulator, fills the lake from it, prints the summary and the next steps."""
    run_in_process(_demo)


def _demo() -> None:
    from flows.cli.context import open_context  # noqa: PLC0415 - Ctrl-C while it is imported is handled, too
    from flows.cli.run import finish  # noqa: PLC0415
    from flows.operations.demo import fill_demo_lake  # noqa: PLC0415
    from flows.simulator.process import start_process  # noqa: PLC0415
    from flows.simulator.service import SimulatorConfig  # noqa: PLC0415

    os.environ["ALPHAVANTAGE_API_KEY"] = "demo-of-the-lakehouse"
    os.environ["LAKEHOUSE_CONFIG"] = str(CONFIG)
    settings = load_settings(os.environ)
    with start_process(SimulatorConfig(clock=settings.simulated_now)) as simulator:
        os.environ["LAKEHOUSE_PROVIDERS__ALPHAVANTAGE__BASE_URL"] = simulator.url
        cli = open_context(CONFIG, is_json=False)
        finish(cli, lambda: fill_demo_lake(cli.new_run()))
    print(NEXT.format(report=settings.report))  # noqa: T201 - the demo speaks to a person


if __name__ == "__main__":
    main()
