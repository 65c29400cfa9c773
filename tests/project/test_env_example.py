""".env.example names every secret and every override, each with its default."""

import json
import shlex
from functools import reduce
from pathlib import Path

from config.load import CONFIG_VARIABLE, DEFAULT_FILE, known_paths, load_settings, variable_name
from config.secrets import Secrets
from config.settings import Settings

LINES = (Path(__file__).resolve().parents[2] / ".env.example").read_text(encoding="utf-8").splitlines()


def assignments(lines: list[str]) -> dict[str, str]:
    """Names and values as a shell reads them."""
    return dict(shlex.split(line)[0].split("=", 1) for line in lines)


def overrides() -> dict[str, str]:
    return assignments([line.removeprefix("# ") for line in LINES if line.startswith("# LAKEHOUSE_")])


def default_text(path: str) -> str:
    value = reduce(getattr, path.split("."), Settings())
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return "" if value is None else str(value)


def test_it_names_exactly_the_secrets_and_gives_none_away() -> None:
    named = assignments([line for line in LINES if line and not line.startswith("#")])
    assert named == dict.fromkeys((name.upper() for name in Secrets.model_fields), "")


def test_it_names_exactly_the_overrides_with_their_defaults() -> None:
    defaults = {variable_name(path): default_text(path) for path in known_paths()}
    assert overrides() == {CONFIG_VARIABLE: str(DEFAULT_FILE), **defaults}


def test_the_overrides_it_shows_can_be_used_as_they_stand(tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.write_text("", encoding="utf-8")
    used = {name: value for name, value in overrides().items() if value}
    assert load_settings(used, empty) == Settings()
