"""Every command that the README and CONTRIBUTING show is one that exists."""

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from typer.main import get_command

from flows.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md")
_BLOCK = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
# what a user may be asked to type besides make and lakehouse
PLAIN = {"cp", "git", "cd", "export", "docker"}
BIN = ".venv/bin/"


def commands() -> Iterator[tuple[str, list[str]]]:
    """Each command of the shell blocks, as words, with the page that shows it."""
    for page in PAGES:
        for block in _BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                if words := shlex.split(line, comments=True):
                    yield page, words


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):.*## ", text, flags=re.MULTILINE))


def subcommands() -> dict[str, set[str]]:
    """The commands of `lakehouse` and the options of each."""
    group = get_command(app)
    return {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, command in group.commands.items()  # type: ignore[attr-defined]  # a click Group
    }


def test_the_pages_show_commands() -> None:
    assert {page for page, _ in commands()} == set(PAGES)
    assert len(list(commands())) > 10


def test_each_command_is_make_lakehouse_or_a_plain_tool() -> None:
    known = {"make", f"{BIN}lakehouse", f"{BIN}python", f"{BIN}ruff", *PLAIN}
    assert not [(page, words) for page, words in commands() if words[0] not in known]


def test_each_make_target_exists() -> None:
    shown = {word for _, words in commands() if words[0] == "make" for word in words[1:]}
    assert {"demo", "test"} <= shown
    assert shown <= make_targets()


def test_each_lakehouse_command_and_option_exists() -> None:
    there = subcommands()
    for page, words in commands():
        if words[0] == f"{BIN}lakehouse":
            assert words[1] in there, f"{page}: {words}"
            options = {word.split("=")[0] for word in words[2:] if word.startswith("--")}
            assert options <= there[words[1]], f"{page}: {words}"


def test_each_file_that_is_linked_exists() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
        assert not [link for link in links if not (ROOT / link.split("#")[0]).exists()], page


def test_each_module_run_with_python_m_exists() -> None:
    for page, words in commands():
        if words[:2] == [f"{BIN}python", "-m"]:
            assert find_spec(words[2]) is not None, f"{page}: {words}"
