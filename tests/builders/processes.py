"""Commands in processes of their own, and the processes that they leave behind."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.builders.command_line import Ended
from tests.builders.installation import Installation, run_python

_MARK = "MARK_OF_A_TEST"
_SECONDS = 300


@dataclass(frozen=True)
class Command:
    """A command under way; `mark` is in the environment of its process and of all its children."""

    process: "subprocess.Popen[str]"
    mark: str

    def ended(self, seconds: float = _SECONDS) -> Ended:
        """The exit code and output; fails if the command did not end in time."""
        try:
            out, error = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # faulthandler writes what each thread is doing
            _, error = self.process.communicate()
            raise AssertionError(f"the command did not end within {seconds} s: {error}") from None
        return Ended(self.process.returncode, out, error)

    def interrupt(self) -> None:
        """Sends Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def wait_until(self, is_there: Callable[[], object], seconds: float = _SECONDS) -> None:
        """Waits until `is_there` is true or the command has ended; fails if neither happens in time."""
        deadline = time.monotonic() + seconds
        while self.is_running() and not is_there():
            assert time.monotonic() < deadline, "the command runs on, but nothing happens"
            time.sleep(0.005)

    def processes_left(self) -> list[str]:
        """The command lines of its processes that still run."""
        return [found for folder in Path("/proc").glob("[0-9]*") if (found := _marked(folder, self.mark))]


def start_command(
    here: Installation,
    *words: str,
    environ: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    module: str = "flows.cli.entry_point",
) -> Command:
    """Starts `lakehouse` with the installation's settings; `options` are those of Python."""
    mark = secrets.token_hex(8)
    arguments = [*options, "-m", module, "--config", here.config, *words]
    environ = {"PYTHONFAULTHANDLER": "1", **(environ or {}), _MARK: mark}
    return Command(run_python(arguments, here, environ), mark)


def start_still_command(here: Installation, *words: str, environ: Mapping[str, str] | None = None) -> Command:
    """Starts `lakehouse` under a market's clock that stands still."""
    return start_command(here, *words, environ=environ, module="tests.builders.still_command")


def _marked(folder: Path, mark: str) -> str | None:
    """The process' command line if its environment holds the mark; None otherwise, or if it has ended."""
    try:
        environ = (folder / "environ").read_bytes()
        line = (folder / "cmdline").read_bytes()
    except OSError:
        return None
    is_marked = f"{_MARK}={mark}".encode() in environ.split(b"\0")
    return line.replace(b"\0", b" ").decode() if is_marked and int(folder.name) != os.getpid() else None
