"""The simulator in a process of its own, so that it runs on another core."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from flows.simulator.faults import dump_faults
from flows.simulator.service import SimulatorConfig

READY = "listening on "

_STOP_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parents[2]  # the folder that contains the package `flows`


class SimulatorStartError(RuntimeError):
    """The simulator's process ended before it accepted connections."""


class SimulatorProcess:
    """A running `python -m flows.simulator`; it ends with the context, or with this process."""

    def __init__(self, process: subprocess.Popen[str], base: str) -> None:
        self._process = process
        self.pid = process.pid
        self.base = base
        self.url = f"{base}/query"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process and wait for it."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


def start_process(config: SimulatorConfig) -> SimulatorProcess:
    """A simulator that accepts connections; raises SimulatorStartError if it does not start.

    The simulator ends if this process dies, because its standard input then closes.
    """
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
        [sys.executable, "-m", "flows.simulator", "--until-stdin-closes", *_arguments(config)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline() if process.stdout else ""
    if not line.startswith(READY):
        process.kill()
        raise SimulatorStartError(
            f"The simulator did not start (exit code {process.wait()}). Its message is above."
        )
    return SimulatorProcess(process, line.removeprefix(READY).strip())


def _arguments(config: SimulatorConfig) -> list[str]:
    clock = [] if config.clock is None else ["--clock", config.clock.isoformat()]
    faults = ["--faults", dump_faults(config.faults)] if config.faults else []
    fixed = ["--port", str(config.port), "--plan", config.plan.value, "--seed", str(config.seed)]
    return [*fixed, *clock, *faults]
