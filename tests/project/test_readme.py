"""Every command, file and link that the README, CONTRIBUTING and the pages of docs show exists."""

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.main import get_command

from flows.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "docs/guide.md")
LINKING = (
    *PAGES,
    "CHANGELOG.md",
    *sorted(file.relative_to(ROOT).as_posix() for file in ROOT.glob("docs/**/*.md")),
)
TOUR = "docs/tour.md"
MAX_TOUR_MODULES = 30
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
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


@pytest.mark.parametrize("page", LINKING)
def test_each_file_that_is_linked_exists(page: str) -> None:
    text, folder = (ROOT / page).read_text(encoding="utf-8"), (ROOT / page).parent
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert not [link for link in links if not (folder / link.split("#")[0]).exists()]


@pytest.mark.parametrize("page", LINKING)
def test_each_file_that_is_named_exists(page: str) -> None:
    codes = _CODE.findall((ROOT / page).read_text(encoding="utf-8"))
    files = [code for code in codes if re.fullmatch(r"[\w./-]+\.(py|sh|toml|yml|yaml|md|json|html)", code)]
    assert not [file for file in files if not (ROOT / file).is_file() and not is_foreign(file)]


def is_foreign(file: str) -> bool:
    """Whether the file is outside the tree: in a lake, a container or a provider's folder, or named alone."""
    return file.startswith(("/", "_lease/")) or "/" not in file


def test_the_tour_names_modules_that_exist_and_no_more_than_a_reader_follows() -> None:
    named = re.findall(r"^\d+\. `([^`]+)`", (ROOT / TOUR).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert 10 < len(named) <= MAX_TOUR_MODULES
    assert len(set(named)) == len(named)
    assert not [file for file in named if not (ROOT / file).is_file()]


def test_each_module_run_with_python_m_exists() -> None:
    for page, words in commands():
        if words[:2] == [f"{BIN}python", "-m"]:
            assert find_spec(words[2]) is not None, f"{page}: {words}"
