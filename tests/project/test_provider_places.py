"""A provider is named by its own modules and by the few files that CONTRIBUTING.md lists, nowhere else."""

import ast
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from flows.ingestion.registry import FILE_SOURCES, SOURCES

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("config", "delta_tables", "flows", "jobs", "quality", "serving")
# What a new provider adds or changes, beside its tests: its own files, then lines in shared ones.
OWN = (
    "flows/handlers/<provider>/__init__.py",
    "flows/ingestion/sources/<provider>.py",
    "jobs/parsing/<provider>.py",
    "flows/simulator/<provider>/__init__.py",
)
SHARED = ("config/settings.py", "config/secrets.py", ".env.example", "jobs/parsing/registry.py")
MAX_FILES = 8
# Where providers are named for reasons that a new one does not have.
ELSEWHERE = {
    # The demo is filled from it; its plan is an option of the simulator.
    "alphavantage": {
        "flows/operations/demo.py",
        "flows/simulator/__main__.py",
        "flows/simulator/service.py",
    },
    # Its flat files have tables of their own.
    "massive": {
        "flows/ingestion/file_retention.py",
        "flows/landing/*.py",
        "jobs/pipelines/*.py",
    },
}


def own_modules(provider: str) -> tuple[str, ...]:
    """Patterns of the modules that are a provider's own: a large provider has several where one would do."""
    return (
        f"flows/handlers/{provider}/*.py",
        f"flows/ingestion/sources/{provider}.py",
        f"jobs/parsing/{provider}*.py",
        f"flows/simulator/{provider}/*.py",
    )


def words_of_code(tree: ast.Module) -> set[str]:
    """The names, attributes, imported modules and texts of a module, without its docstrings."""
    words = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            words.add(node.id)
        elif isinstance(node, ast.Attribute):
            words.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            words.update((node.module or "").split("."), (alias.name for alias in node.names))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.add(node.value)
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            words.add(node.arg)
    return words


def places_naming(provider: str) -> set[str]:
    """Product modules whose code names the provider, relative to the project."""
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if provider in words_of_code(ast.parse(path.read_text(encoding="utf-8"))):
                found.add(path.relative_to(ROOT).as_posix())
    return found


@pytest.mark.parametrize("provider", sorted(SOURCES))
def test_a_provider_is_named_by_its_own_modules_and_the_listed_files_only(provider: str) -> None:
    allowed = (*own_modules(provider), *SHARED, *ELSEWHERE.get(provider, ()))
    elsewhere = {place for place in places_naming(provider) if not any(fnmatch(place, p) for p in allowed)}
    assert elsewhere == set()


def test_a_new_provider_touches_at_most_eight_files_and_contributing_lists_them() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = guide.partition("## Add a provider\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\d\. `([^`]+)`", section, re.MULTILINE)
    assert listed == [*OWN, *SHARED]
    assert len(listed) <= MAX_FILES


@pytest.mark.parametrize("provider", sorted(SOURCES))
def test_the_listed_files_are_those_that_providers_have(provider: str) -> None:
    missing = {path for path in (*OWN, *SHARED) if not (ROOT / path.replace("<provider>", provider)).exists()}
    assert missing == ({"jobs/parsing/<provider>.py"} if provider in FILE_SOURCES else set())


def imports(path: Path) -> set[str]:
    """The modules that a file imports, each with the names that it takes from them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(
    "folder", ["flows/handlers", "flows/ingestion/sources", "flows/simulator", "jobs/parsing"]
)
@pytest.mark.parametrize("provider", sorted(SOURCES))
def test_providers_do_not_import_each_other(provider: str, folder: str) -> None:
    package = folder.replace("/", ".")
    others = [f"{package}.{other}" for other in SOURCES if other != provider]
    own = [
        path
        for pattern in own_modules(provider)
        if pattern.startswith(f"{folder}/")
        for path in ROOT.glob(pattern)
    ]
    assert own or (provider in FILE_SOURCES and folder == "jobs/parsing")
    taken = {name for path in own for name in imports(path)}
    assert not {
        name for name in taken for other in others if f"{name}.".startswith((f"{other}.", f"{other}_"))
    }
