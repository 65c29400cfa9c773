"""Files and modules are where, and named as, the house rules say.

A module's name collides with a top-level package, a dependency or the standard library only where its
folder comes first on sys.path, which happens when a file of that folder is run by its path (a
Prefect file entrypoint, spark-submit, AWS Glue). All imports are absolute and the project runs modules
(`python -m`), so a nested name is harmless there; it is refused all the same in every folder whose files
could be run by path. The exceptions, with their reasons, are listed here.
"""

import ast
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
MAX_MODULES = 20
FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
NOT_SHIPPED = {"tests", "docs", "benchmarks", "infra"}
HARMLESS = {
    "config/secrets.py": "config holds settings; nothing in it is an entry point that is run by path",
}


def python_files() -> Iterator[Path]:
    for folder in (*PACKAGES, *sorted(NOT_SHIPPED)):
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield file.relative_to(ROOT)


def distribution_names() -> set[str]:
    """The distributions of requirements.lock, normalised."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9][a-z0-9._-]*)==", lock, flags=re.MULTILINE))


def dependency_modules() -> set[str]:
    """The top-level names that the locked distributions install."""
    wanted = distribution_names()
    return {
        module
        for module, owners in packages_distributions().items()
        if any(re.sub(r"[-_.]+", "-", owner).lower() in wanted for owner in owners)
    }


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    named = {part for file in python_files() for part in (*file.parts[:-1], file.stem)}
    assert not named & FORBIDDEN


def test_the_wheel_lists_every_package_there_is() -> None:
    there = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert there == set(PACKAGES)


def test_tests_are_no_packages() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_every_shipped_folder_with_modules_is_a_package() -> None:
    folders = {file.parent for file in python_files() if file.parts[0] in PACKAGES}
    assert not [str(folder) for folder in folders if not (ROOT / folder / "__init__.py").is_file()]


def test_no_top_level_package_is_named_like_a_dependency_or_a_stdlib_module() -> None:
    assert "pyspark" in dependency_modules()
    assert not set(PACKAGES) & (dependency_modules() | set(sys.stdlib_module_names))


def test_no_module_is_named_like_a_package_a_dependency_or_a_stdlib_module() -> None:
    taken = set(PACKAGES) | NOT_SHIPPED | dependency_modules() | set(sys.stdlib_module_names)
    named = {
        file.as_posix()
        for file in python_files()
        if file.parts[0] in PACKAGES and file.stem in taken and file.stem not in {"__init__", "__main__"}
    }
    assert named == set(HARMLESS)


def shipped_modules() -> list[Path]:
    return [file for file in python_files() if file.parts[0] in PACKAGES and file.stem != "__init__"]


def test_a_folder_holds_no_more_modules_than_one_can_look_over() -> None:
    counts = Counter(file.parent for file in shipped_modules())
    assert not {str(folder): count for folder, count in counts.items() if count > MAX_MODULES}


def test_modules_do_not_repeat_the_name_of_their_folder() -> None:
    assert not [str(file) for file in shipped_modules() if file.stem.startswith(f"{file.parent.name}_")]


def test_one_public_class_name_means_one_thing() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for file in shipped_modules():
        for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(file))
    assert not {name: files for name, files in places.items() if len(files) > 1}


def test_imports_are_absolute() -> None:
    relative = [
        f"{file}:{node.lineno}"
        for file in python_files()
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


def test_the_lock_names_no_address_and_no_path_and_every_package_has_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.findall(r"://|^-|\s--(?!hash=)|(?:^|\s)/\w", lock, flags=re.MULTILINE)
    blocks = re.split(r"\n(?=[a-z0-9])", lock)[1:]
    assert len(blocks) > 100
    assert not [block.split()[0] for block in blocks if "--hash=sha256:" not in block]


@pytest.mark.parametrize("group", ["dependencies", "optional-dependencies", "dev"])
def test_the_lock_holds_every_package_that_pyproject_asks_for(group: str) -> None:
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    asked = {
        "dependencies": project["dependencies"],
        "optional-dependencies": [name for extra in extras for name in extra],
        "dev": PROJECT["dependency-groups"]["dev"],
    }[group]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~ ]", text)[0]).lower() for text in asked}
    assert names <= distribution_names()
