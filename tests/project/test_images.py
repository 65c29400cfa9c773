"""The images' build files: a step that may fail is marked as one, and no other failure is swallowed by it."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("Dockerfile", "infra/spark/Dockerfile", "infra/minio/Dockerfile")


def steps(file: str) -> list[str]:
    """Every RUN of the file as one line."""
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.removeprefix("RUN ") for line in text.splitlines() if line.startswith("RUN ")]


def outside_parentheses(step: str) -> str:
    """The step without what is in parentheses: what may fail there is meant."""
    while (shorter := re.sub(r"\([^()]*\)", "", step)) != step:
        step = shorter
    return step


@pytest.mark.parametrize("file", FILES)
def test_no_step_of_a_build_ends_well_whatever_happened(file: str) -> None:
    assert steps(file)
    assert not [step for step in steps(file) if "||" in outside_parentheses(step)]


def test_an_install_that_fails_ends_the_build() -> None:
    (step,) = [step for step in steps("Dockerfile") if "compileall" in step]
    for install, ended in (("true", 0), ("false", 1)):
        script = f"uv() {{ {install}; }}; " + step.replace("/opt/venv/bin/python -m", "false -m")
        done = subprocess.run(
            ["/bin/sh", "-c", script], check=False
        )  # what is compiled only in part is no fault
        assert done.returncode == ended
