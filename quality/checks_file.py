"""Reads a checks file, and refuses one that could let a batch pass unchecked.

Soda 3.5 skips what it does not understand and still exits 0, so a file is read here first, and Soda
gets it only if every line of it will be evaluated. Pure: no engine, no Soda.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_METRICS = frozenset(
    (
        "row_count",
        "missing_count",
        "missing_percent",
        "valid_count",
        "invalid_count",
        "invalid_percent",
        "duplicate_count",
        "duplicate_percent",
        "min",
        "max",
        "avg",
        "sum",
        "stddev",
        "avg_length",
        "min_length",
        "max_length",
        "freshness",
    )
)
_NEEDS_HISTORY = "it compares with Soda Cloud's history, and is never evaluated without it"
_REFUSED_CHECKS = {
    r"anomaly\b": _NEEDS_HISTORY,
    r"change\b": _NEEDS_HISTORY,
    r"group evolution": _NEEDS_HISTORY,
    r"distribution_difference": "it needs a reference file and packages that are not installed",
    r"group by": "the number of its outcomes depends on the data, so a lost one would not be missed",
    r"\$": "check templates belong to Soda Cloud",
    r"attributes$": "attributes belong to Soda Cloud",
    r"row_count same as|values in": "it reads another dataset, and the gate judges this batch alone",
    r"freshness using": "write freshness(column) < 1d",
}
_HEADER = re.compile(r"^(?P<kind>checks for|filter) (?P<dataset>[^\s\[\]]+)(?: \[(?P<partition>[^\]]+)\])?$")
_METRIC = re.compile(r"^(?P<metric>\w+)\s*(?:\((?P<columns>[^)]*)\))?")


class ChecksFileError(Exception):
    """A checks file that could let a batch pass unchecked."""


@dataclass(frozen=True)
class RequestedCheck:
    """One requested check: its line in the file (from 1), its metric and the columns it names."""

    name: str
    line: int
    metric: str
    columns: tuple[str, ...]

    @property
    def column(self) -> str | None:
        """The checked column; None if the check is about the whole batch or several columns."""
        return self.columns[0] if len(self.columns) == 1 else None


@dataclass(frozen=True)
class Selection:
    """Rows that some checks are limited to, as an SQL condition."""

    name: str
    where: str


@dataclass(frozen=True)
class ChecksFile:
    """A file whose every check can be evaluated: its text for Soda, and the checks to expect back."""

    dataset: str
    text: str
    checks: tuple[RequestedCheck, ...]
    selections: tuple[Selection, ...]


def read_checks(path: Path, dataset: str) -> ChecksFile:
    """The checks of `path` for `dataset`; raises ChecksFileError for a file that must not open the gate."""
    if not path.is_file():
        raise ChecksFileError(f"there is no checks file for {dataset}: write {path}, or nothing is published")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ChecksFileError(f"cannot read {path}: {error}") from error
    try:
        return parse_checks(text, dataset)
    except ChecksFileError as error:
        raise ChecksFileError(f"{path}: {error}") from error


def parse_checks(text: str, dataset: str) -> ChecksFile:
    """The checks in `text` for `dataset`; raises ChecksFileError, naming the line where there is one."""
    if "${" in text:
        raise ChecksFileError("${...} would be filled from the environment; write the value")
    checks: list[RequestedCheck] = []
    selections: list[Selection] = []
    for header, node in _sections(text):
        found = _HEADER.match(header)
        if not found:
            raise ChecksFileError(
                f'section "{header}" is not supported; use "checks for {dataset}" or a filter'
            )
        if found["dataset"] != dataset:
            raise ChecksFileError(f'section "{header}" is for another dataset; this file is for {dataset}')
        if found["kind"] == "filter":
            selections.append(_filter(header, node))
        else:
            for check, own_filter in _checks(header, node):
                checks.append(check)
                selections.extend(own_filter)
    if not checks:
        raise ChecksFileError(f"no checks for {dataset}; a dataset without checks is not published")
    if len({check.line for check in checks}) < len(checks):
        raise ChecksFileError("two checks on one line; write each on its own")
    return ChecksFile(dataset, text, tuple(checks), tuple(selections))


def _sections(text: str) -> Iterator[tuple[str, yaml.Node]]:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ChecksFileError(f"not readable as YAML: {' '.join(str(error).split())}") from error
    if root is None:
        raise ChecksFileError("the file is empty")
    if not isinstance(root, yaml.MappingNode):
        raise ChecksFileError('there are no sections such as "checks for <dataset>:" at the top level')
    headers = [str(key.value) for key, _ in root.value]
    if len(set(headers)) < len(headers):
        raise ChecksFileError("a section appears twice; only one of them would be evaluated")
    yield from zip(headers, (value for _, value in root.value), strict=True)


def _filter(header: str, node: yaml.Node) -> Selection:
    content = _plain(node)
    where = content.get("where") if isinstance(content, dict) else None
    if not isinstance(where, str) or not where.strip():
        raise ChecksFileError(f'section "{header}" has no "where"')
    return Selection(name=header, where=where.strip())


def _checks(header: str, node: yaml.Node) -> Iterator[tuple[RequestedCheck, tuple[Selection, ...]]]:
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise ChecksFileError(f'section "{header}" has no list of checks')
    for item in node.value:
        line = item.start_mark.line + 1
        content = _plain(item)
        if isinstance(content, dict) and len(content) > 1:
            extra = ", ".join(map(str, list(content)[1:]))
            raise ChecksFileError(f"line {line}: Soda ignores {extra}; indent it under the check")
        text, config = next(iter(content.items())) if isinstance(content, dict) else (content, {})
        if not isinstance(text, str):
            raise ChecksFileError(f"line {line}: not a check: {text}")
        config = config if isinstance(config, dict) else {}
        yield _check(text, config, line), _own_filter(text, config)


def _check(text: str, config: dict[str, Any], line: int) -> RequestedCheck:
    for pattern, reason in _REFUSED_CHECKS.items():
        if re.match(pattern, text):
            raise ChecksFileError(f'line {line}: "{text}" is refused: {reason}')
    name = str(config.get("name", text))
    if text == "schema":
        _refuse_idle_schema(config, line)
    if text in ("schema", "failed rows"):
        return RequestedCheck(name, line, text, ())
    found = _METRIC.match(text)
    metric = found["metric"] if found else text
    is_own_metric = f"{metric} expression" in config or f"{metric} query" in config
    if metric not in _METRICS and not is_own_metric:
        raise ChecksFileError(f'line {line}: "{text}" is not a check that the gate supports')
    columns = (found["columns"] or "") if found else ""
    return RequestedCheck(
        name, line, metric, tuple(c.strip().strip("`") for c in columns.split(",") if c.strip())
    )


def _refuse_idle_schema(config: dict[str, Any], line: int) -> None:
    rules = {
        rule: wanted
        for level in ("fail", "warn")
        if isinstance(config.get(level), dict)
        for rule, wanted in config[level].items()
    }
    if "when schema changes" in rules:
        raise ChecksFileError(f'line {line}: "when schema changes" is refused: {_NEEDS_HISTORY}')
    if not rules or not all(rules.values()):
        raise ChecksFileError(f"line {line}: the schema check requires nothing")


def _own_filter(text: str, config: dict[str, Any]) -> tuple[Selection, ...]:
    where = config.get("filter")
    return (Selection(name=f"filter of {config.get('name', text)}", where=str(where)),) if where else ()


def _plain(node: yaml.Node) -> Any:  # noqa: ANN401  whatever the file holds
    return yaml.SafeLoader("").construct_object(node, deep=True)
