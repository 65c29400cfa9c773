"""`make bench`: every case, each contestant in fresh processes, in turn; tables go to docs/benchmarks.md.

    python -m benchmarks.run [CASE ...] [--engine embedded spark] [--repeat 3] [--spark-repeat 3] [--scale 1]

Inputs are made once a scale, and anew where the case's module has changed, and kept below --folder. Each
contestant runs once untimed, and its rows must be those of the first one; who is timed once is timed in that
run. Nothing else should be at work on the machine.
"""

import argparse
import hashlib
import inspect
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.agreement import differences
from benchmarks.case import EMBEDDED, NO_ENGINE, SPARK, Case, Contestant
from benchmarks.cases import CASES
from benchmarks.measuring import Cost
from benchmarks.report import Result, write_report

FOLDER = Path(".lakehouse/benchmarks")
REPORT = Path("docs/benchmarks.md")
# As for a server that stays: one that ends with its session compiles less (jobs/engine/spark_connect.py).
_SERVER_THAT_STAYS = {"SPARK_DRIVER_JAVA_OPTIONS": "-XX:+UseSerialGC"}
_ENGINES = {"embedded": (EMBEDDED, NO_ENGINE), "spark": (SPARK,)}


@dataclass(frozen=True)
class Runs:
    """How often contestants are timed; those on Apache Spark take longest.

    Run 0, whose rows are compared, is not timed, but of those that are timed once: they have no other.
    """

    others: int
    spark: int

    def of(self, contestant: Contestant) -> int:
        """How often the contestant runs, run 0 with them."""
        timed = self.spark if contestant.engine == SPARK else self.others
        return 1 if timed == 1 else timed + 1

    def is_timed(self, contestant: Contestant, number: int) -> bool:
        """Whether the contestant's run of that number counts."""
        return number > 0 or self.of(contestant) == 1


def main(arguments: Sequence[str]) -> None:
    """Runs what was asked for; exits with 1 where a contestant fails or has other rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"all, if none: {', '.join(CASES)}")
    parser.add_argument("--engine", nargs="+", choices=list(_ENGINES), default=list(_ENGINES))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--spark-repeat", type=int, help="those on Apache Spark; else as --repeat")
    parser.add_argument("--scale", type=float, default=1.0, help="below 1: a smaller case, for a try")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--report", type=Path, default=REPORT)
    given = parser.parse_args(arguments)
    if unknown := set(given.cases) - set(CASES):
        parser.error(f"no case {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    runs = Runs(given.repeat, given.repeat if given.spark_repeat is None else given.spark_repeat)
    if min(runs.others, runs.spark) < 1 or not 0 < given.scale <= 1:
        parser.error("--repeat and --spark-repeat are at least 1, --scale above 0 and at most 1")
    engines = {name for each in given.engine for name in _ENGINES[each]}
    wrong: list[str] = []
    chosen = {
        name: [each for each in CASES[name].contestants if each.engine in engines]
        for name in given.cases or CASES
    }
    for name, contestants in chosen.items():
        if not contestants:
            say(f"{name}: nobody contests on that engine")
            continue
        case = CASES[name]
        inputs, rows = prepared(case, given.folder, given.scale)
        if results := contest(case, contestants, inputs, rows, runs, wrong):
            write_report(given.report, case, results, given.scale, list(CASES))
    if wrong:
        sys.exit("\n".join(wrong))


def prepared(case: Case, folder: Path, scale: float) -> tuple[Path, int]:
    """The case's inputs, made where they are not there yet, and the rows of work in them."""
    module = Path(inspect.getfile(case.prepare)).read_bytes()
    inputs = (folder / f"{case.name}-{scale:g}-{hashlib.sha256(module).hexdigest()[:8]}").resolve()
    done = inputs / "rows"
    if not done.exists():
        say(f"{case.name}: makes its inputs in {inputs}")
        for outlived in folder.glob(f"{case.name}-{scale:g}-*"):
            shutil.rmtree(outlived)
        inputs.mkdir(parents=True)
        command = [sys.executable, "-m", "benchmarks.prepare", case.name, str(inputs), str(scale)]
        made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own
        if made.returncode:
            sys.exit(f"{case.name}: its inputs could not be made, see above")
        done.write_text(made.stdout.splitlines()[-1], encoding="utf-8")
    return inputs, int(done.read_text(encoding="utf-8"))


def contest(
    case: Case, contestants: Sequence[Contestant], inputs: Path, rows: int, runs: Runs, wrong: list[str]
) -> list[Result]:
    """Each contestant's costs; who fails or has other rows than the first goes into `wrong`, untimed."""
    costs: dict[Contestant, list[Cost]] = {}
    with tempfile.TemporaryDirectory(dir=inputs.parent) as scratch:
        for number in range(max(map(runs.of, contestants))):
            still = [each for each in costs if number < runs.of(each)] if number else contestants
            for contestant in still:
                folder = Path(scratch) / contestant.key
                cost = run_once(case, contestant, inputs, folder)
                said = f"{case.name} {contestant.key}"
                if cost is None and not number and contestant is contestants[0]:
                    wrong.append(f"{said}: failed, so that there is nothing to compare others with")
                    return []
                if cost is None:
                    wrong.append(f"{said}: failed")
                    costs.pop(contestant, None)
                    continue
                is_timed = runs.is_timed(contestant, number)
                say(f"{said}: {cost.seconds:.2f} s{'' if is_timed else ', not counted'}")
                if number == 0 and (apart := _apart(Path(scratch) / contestants[0].key, folder)):
                    wrong.append(f"{said}: {'; '.join(apart)}")
                else:
                    costs.setdefault(contestant, []).extend([cost] * is_timed)
                if number or contestant is not contestants[0]:
                    shutil.rmtree(folder)
            shutil.rmtree(Path(scratch) / contestants[0].key, ignore_errors=True)
    return [Result(contestant, rows, tuple(each)) for contestant, each in costs.items() if each]


def run_once(case: Case, contestant: Contestant, inputs: Path, folder: Path) -> Cost | None:
    """What one run in a process of its own cost; None where it failed, and why on stderr."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    command = [
        sys.executable,
        "-m",
        "benchmarks.contest",
        case.name,
        contestant.key,
        str(inputs),
        str(folder),
    ]
    environment = {**os.environ, **_SERVER_THAT_STAYS}
    done = subprocess.run(  # noqa: S603 - our own
        command, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stderr[-4000:])
        return None
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def _apart(first: Path, other: Path) -> list[str]:
    if first == other or not all((folder / "answer").exists() for folder in (first, other)):
        return []  # nobody's rows are compared, or not this one's: each with an `answer` leaves one
    return differences(first / "answer", other / "answer")


def say(line: str) -> None:
    """Prints a line with the time, at once."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
