"""A provider is named by its own modules and by the few places that CONTRIBUTING.md lists, nowhere else."""

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

from flows.ingestion.registry import SOURCES

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("config", "delta_tables", "flows", "jobs", "quality", "serving")
# What is asked of nobody by name is asked of the first provider; a coin's id and BSE's names of files are
# looked at where arrivals are found; a deployment has BSE's name. A new provider needs none of these.
ELSEWHERE = {
    # Its plan is an option of the simulator.
    "alphavantage": {
        "flows/ingestion/source.py",
        "flows/simulator/__main__.py",
        "flows/simulator/service.py",
    },
    "bse": {
        "flows/completeness/arrivals.py",
        "flows/completeness/expected_sessions.py",
        "flows/market_data.py",
    },
    "coingecko": {"flows/completeness/expected_sessions.py"},
}
LISTED = (
    "config/settings.py",
    "config/secrets.py",
    "flows/completeness/publication.py",
    "flows/completeness/gap_requests.py",
    "flows/ingestion/registry.py",
    "flows/simulator/registry.py",
    "jobs/parsing/registry.py",
)


def own_modules(provider: str) -> tuple[str, ...]:
    """Patterns of the modules that are a provider's own."""
    return (
        f"flows/handlers/{provider}*.py",
        f"flows/sources/{provider}.py",
        f"flows/simulator/{provider}*.py",
        f"jobs/parse_{provider}*.py",
        f"jobs/{provider}_*.py",
    )


def words_of_code(tree: ast.Module) -> set[str]:
    """The names, attributes, imported modules and texts of a module, its docstrings left out."""
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
def test_a_provider_is_named_by_its_own_modules_and_the_listed_places_only(provider: str) -> None:
    allowed = (*own_modules(provider), *LISTED)
    elsewhere = {place for place in places_naming(provider) if not any(fnmatch(place, p) for p in allowed)}
    assert elsewhere <= ELSEWHERE.get(provider, set())


def test_contributing_names_every_listed_place() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    missing = [place for place in LISTED if place not in guide and Path(place).stem.upper() not in guide]
    assert not missing
