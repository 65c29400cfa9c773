"""Each test is run by one of the Makefile's test commands, and by one only."""

import itertools
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
BY_MARK = ("test", "test-spark", "test-system")
MARKS = ("spark", "system")


def recipe(target: str) -> str:
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE)
    assert found, f"the Makefile has no target {target}"
    return found[1]


def expression(target: str) -> str:
    """What the target passes to pytest's option -m, which Python reads as pytest does."""
    (found,) = re.findall(r' -m "([^"]+)"', recipe(target))
    assert set(re.findall(r"\w+", found)) <= {*MARKS, "not", "and"}
    return str(found)


@pytest.mark.parametrize("has_mark", itertools.product([False, True], repeat=len(MARKS)), ids=str)
def test_one_command_selects_a_test_whatever_its_marks(has_mark: tuple[bool, ...]) -> None:
    marks = dict(zip(MARKS, has_mark, strict=True))
    selecting = [target for target in BY_MARK if eval(expression(target), {}, marks)]
    assert len(selecting) == 1, f"{marks}: {selecting}"


def test_the_tests_of_faults_and_of_the_stack_are_outside_of_these_commands_and_have_their_own() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]
    outside = [path for path in settings["ini_options"]["norecursedirs"] if (ROOT / path).is_dir()]
    assert settings["ini_options"]["testpaths"] == ["tests"]
    assert [path for path in outside if path.startswith("tests")] == ["tests/faults", "tests/stack"]
    assert recipe("test-stack").endswith(" -m pytest tests/stack\n")
    assert recipe("test-faults").endswith(' -m pytest tests/faults -m "not spark"\n')
    with_faults = '-o "norecursedirs=.* dist tests/stack"'
    assert with_faults in recipe("test-spark"), "the fault tests on Spark are among Spark's"


def test_no_test_stands_in_a_module_that_is_not_collected() -> None:
    others = [path for path in (ROOT / "tests").rglob("*.py") if not path.name.startswith("test_")]
    defines_test = re.compile(r"^def test_", re.MULTILINE)
    assert not [path for path in others if defines_test.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("target", [*BY_MARK, "test-faults", "test-stack"])
def test_all_and_ci_run_each_command(target: str) -> None:
    (of_all,) = re.findall(r"^test-all: (.*?) ##", MAKEFILE, re.MULTILINE)
    assert target in of_all.split()
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(rf"^[^#\n]*[ (]{target}\b(?!-)", ci, re.MULTILINE)
