"""`python -m flows.simulator`: serves until it is interrupted."""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from datetime import datetime
from threading import Thread

from flows.simulator.alphavantage.plans import PlanName
from flows.simulator.faults import InvalidFaultError, parse_faults
from flows.simulator.process import READY
from flows.simulator.server import SimulatorServer
from flows.simulator.service import SimulatorConfig, SimulatorService


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when stopped, 1 if it cannot start (argparse exits with 2 for invalid arguments)."""
    options = _parser().parse_args(arguments)
    config = SimulatorConfig(
        plan=options.plan, clock=options.clock, faults=options.faults, seed=options.seed, port=options.port
    )
    try:
        server = SimulatorServer(SimulatorService(config), config.port, options.host)
    except (ModuleNotFoundError, OSError) as error:
        sys.stderr.write(f"The simulator cannot start on port {config.port}: {error}.\n")
        return 1
    sys.stdout.write(f"{READY}{server.base}\n")
    sys.stdout.flush()
    if options.until_stdin_closes:
        Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt), server:
        server.serve_forever()
    return 0


def _stop_with_stdin(server: SimulatorServer) -> None:
    sys.stdin.read()
    server.shutdown()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m flows.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=0, help="port; 0 means any free port (default: 0)")
    parser.add_argument(
        "--plan",
        type=PlanName,
        choices=list(PlanName),
        default=PlanName.UNMETERED,
        help="plan of every Alpha Vantage key (default: unmetered)",
    )
    parser.add_argument("--clock", type=_instant, help="start time with a UTC offset (default: now)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all generated data (default: 0)")
    parser.add_argument("--faults", type=_faults, default=(), help='JSON list, like [{"kind": "http_503"}]')
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input ends")
    return parser


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no UTC offset. Add Z, for example.")
    return instant


def _faults(text: str) -> object:
    try:
        return parse_faults(text)
    except InvalidFaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    raise SystemExit(main())
