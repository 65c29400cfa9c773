"""Reads the settings file, applies LAKEHOUSE_* variables, and explains what is wrong."""

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from config.paths import PATH_KEYS, anchored_paths, expanded, left_behind
from config.settings import Settings

PREFIX = "LAKEHOUSE_"
CONFIG_VARIABLE = "LAKEHOUSE_CONFIG"
STACK_VARIABLE = "LAKEHOUSE_PROFILE"  # for docker-compose.yml, out of the same .env: no setting
DEFAULT_FILE = Path("config/lakehouse.toml")
# Keys that have a new name; the old one is accepted for one release (docs/adr/0012-vocabulary.md).
RENAMED_KEYS = {
    "as_if_at": "simulated_now",
    "completeness.enough_bars_pct": "completeness.min_bars_pct",
    "completeness.reask_pause_minutes": "completeness.refetch_cooldown_minutes",
}


class ConfigError(Exception):
    """The settings cannot be used: says where, what was found and what is valid."""


def load_settings(environ: Mapping[str, str], file: Path | None = None) -> Settings:
    """The settings of `file` (else of $LAKEHOUSE_CONFIG, else config/lakehouse.toml) with overrides.

    `LAKEHOUSE_SIGNALS__PE_RATIO_THRESHOLD=30` overrides `[signals] pe_ratio_threshold`; a value that
    is JSON (a number, a list) is read as JSON, unless the key is a path. Without any file the defaults apply.
    Paths of a file are relative to its folder, or to the folder around a folder `config`; those of variables
    to the working folder. Spark's own variable SPARK_REMOTE is the Connect server if the settings name none.

    Raises:
        ConfigError: a file that is missing or not TOML, an unknown key, a value of the wrong type, or a
            relative path that may be meant relative to the working folder.
    """
    named = file or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    content = _read(named) if named else (_read(DEFAULT_FILE) if DEFAULT_FILE.is_file() else {})
    _rename_keys(content)
    anchored = anchored_paths(content, named, Settings().model_dump()) if named else {}
    written = {key: value for key, value in anchored.items() if not _is_absolute(content.get(key))}
    content |= anchored
    for name, value in environ.items():
        if name.startswith(PREFIX) and name not in {CONFIG_VARIABLE, STACK_VARIABLE}:
            _override(content, name, value)
    if environ.get("SPARK_REMOTE") and "remote" not in content.get("spark", {}):
        _override(content, "LAKEHOUSE_SPARK__REMOTE", environ["SPARK_REMOTE"])
    try:
        settings = Settings.model_validate(content)
    except ValidationError as error:
        raise ConfigError(_explain(error, named or DEFAULT_FILE)) from None
    for key, path in written.items():
        if named and content[key] == path and (problem := left_behind(named, key, path)):
            raise ConfigError(problem)
    return settings


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot read the settings ({error.strerror}); name another file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not TOML: {error}") from None


def _rename_keys(content: dict[str, Any]) -> None:
    """Moves the values of renamed keys to their new names; a key that is there under both stays unknown."""
    for old, new in RENAMED_KEYS.items():
        section, _, old_leaf = old.rpartition(".")
        values, new_leaf = content.get(section, {}) if section else content, new.rpartition(".")[2]
        if isinstance(values, dict) and old_leaf in values and new_leaf not in values:
            values[new_leaf] = values.pop(old_leaf)


def _override(content: dict[str, Any], name: str, value: str) -> None:
    path = name.removeprefix(PREFIX).lower().replace("__", ".")
    *parents, leaf = RENAMED_KEYS.get(path, path).split(".")
    place = content
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise ConfigError(f"{name}: `{parent}` is a value, not a section; see config/settings.py")
    place[leaf] = value if path in PATH_KEYS else _value(value)


def _is_absolute(value: object) -> bool:
    return isinstance(value, str) and expanded(value).is_absolute()


def _value(text: str) -> Any:  # noqa: ANN401 - JSON holds anything; pydantic validates it next
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError:
        return text
    return text if isinstance(parsed, str) else parsed


def _explain(error: ValidationError, file: Path) -> str:
    return "; ".join(_explain_one(dict(found), file) for found in error.errors(include_url=False))


def _explain_one(found: dict[str, Any], file: Path) -> str:
    path = ".".join(str(part) for part in found["loc"])
    if found["type"] != "extra_forbidden":
        return f"{file} (or {variable_name(path)}): `{path}`: {found['msg']}, found {found['input']!r:.80}"
    if any(word in path.lower() for word in ("key", "secret", "password", "token")):
        return f"{file}: `{path}` looks like a secret; give secrets in the environment or in .env only"
    near = difflib.get_close_matches(path, list(known_paths()), n=1, cutoff=0.3)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return f"{file} (or {variable_name(path)}): unknown key `{path}`{hint}"


def variable_name(path: str) -> str:
    """The variable that overrides a key, such as `signals.pe_ratio_threshold`."""
    return PREFIX + path.upper().replace(".", "__")


def known_paths(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every leaf key of the settings, dotted."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from known_paths(inner, f"{prefix}{name}.")
        else:
            yield prefix + name
