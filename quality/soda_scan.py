"""Runs Soda 3.5 without its side effects.

By default Soda loads any `.env` above its own folder over the environment, sends usage statistics,
writes ~/.soda, and logs to the terminal.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from quality.checks_file import ChecksFile
from quality.gate_result import CheckOutcome, Outcome
from quality.soda_session import SodaSession

_DATA_SOURCE = "spark_df"
_TELEMETRY_OFF = Path(__file__).with_name("soda_telemetry_off.yml")
_MAX_ERROR_CHARS = 400


@dataclass(frozen=True)
class SodaRun:
    """A Soda scan: one outcome per requested check, and its errors and warnings."""

    outcomes: tuple[CheckOutcome, ...]
    errors: tuple[str, ...]


def run_soda(session: SodaSession, checks: ChecksFile, now: datetime) -> SodaRun:
    """Soda's outcome for each check of the file, `not_evaluated` if Soda gave none.

    The dataset must be registered as a view. Freshness is measured against `now`. Not thread-safe: Soda
    keeps one list of log records per process, and a scan clears another's errors.
    """
    with _quiet(), _no_env_file():
        scan = _new_scan()
        scan.set_data_source_name(_DATA_SOURCE)
        scan.disable_telemetry()
        scan.add_variables({"NOW": now.isoformat()})
        scan.add_sodacl_yaml_str(checks.text)
        # Last: configuration added after it would wipe it.
        scan.add_spark_session(session, _DATA_SOURCE)
        scan.execute()
        return _read_scan(scan, checks, now)


def load_soda() -> None:
    """Imports Soda with its statistics switched off, which takes up to 0.8 s; a scan does this by itself."""
    with _quiet(), _no_env_file():
        _new_scan()


def _new_scan() -> Any:  # noqa: ANN401  Soda is untyped
    # Imported here: it takes long, and the statistics must be off before soda.scan is imported.
    from soda.common.config_helper import ConfigHelper  # noqa: PLC0415

    config = ConfigHelper.get_instance(str(_TELEMETRY_OFF))
    if config.send_anonymous_usage_stats:
        raise RuntimeError(
            "Soda's usage statistics are on, because something imported soda before the gate did; "
            "leave that import out, or switch them off in ~/.soda/config.yml"
        )
    from soda.scan import Scan  # noqa: PLC0415

    return Scan()


def _read_scan(scan: Any, checks: ChecksFile, now: datetime) -> SodaRun:  # noqa: ANN401  Soda is untyped
    by_line = {check.check_cfg.location.line: check for check in scan._checks}
    outcomes = tuple(_outcome(by_line.get(c.line), c.name, c.column) for c in checks.checks)
    errors = [_one_line(log) for log in scan._logs.logs if log.level.value in ("ERROR", "WARNING")]
    if len(scan._checks) != len(checks.checks):
        errors.append(f"{len(checks.checks)} checks were requested, Soda made {len(scan._checks)}")
    errors += [error for check in scan._checks for error in _clock_errors(check, now)]
    return SodaRun(outcomes, tuple(dict.fromkeys(errors)))


def _outcome(check: Any, name: str, column: str | None) -> CheckOutcome:  # noqa: ANN401  Soda is untyped
    if check is None or check.outcome is None:
        return CheckOutcome(name, column, "not_evaluated", None)
    outcomes: Mapping[str, Outcome] = {"pass": "pass", "warn": "warn", "fail": "fail"}
    return CheckOutcome(name, column, outcomes.get(check.outcome.value, "not_evaluated"), _measured(check))


def _measured(check: Any) -> float | str | None:  # noqa: ANN401  Soda is untyped
    """The number that a check measured, the age of the newest row, or what is wrong with the schema."""
    found = check.get_log_diagnostic_dict()
    if "check_value" in found:
        value = found["check_value"]
        return float(value) if isinstance(value, int | float) else value and str(value)
    if "freshness" in found:
        return str(found["freshness"])
    wrong = {k: v for k, v in found.items() if v and (k.startswith("column_") or k.endswith("_column_names"))}
    return "; ".join(f"{k.replace('_', ' ')}: {_flat(v)}" for k, v in wrong.items()) or None


def _flat(wrong: Any) -> str:  # noqa: ANN401  a list of columns, or columns with expected and actual types
    if not isinstance(wrong, dict):
        return ", ".join(map(str, wrong))
    return ", ".join(
        f"{column} should be {t['expected_type']} and is {t['actual_type']}"
        if "expected_type" in t
        else f"{column} {t}"
        for column, t in wrong.items()
    )


def _clock_errors(check: Any, now: datetime) -> Iterator[str]:  # noqa: ANN401  Soda is untyped
    """Soda lets an environment variable NOW replace the time, and takes a local time for UTC."""
    values = getattr(check, "freshness_values", None)
    if not values or not values.get("now_timestamp_utc"):
        return
    if datetime.fromisoformat(values["now_timestamp_utc"]) != now:
        yield f"freshness was measured against {values['now_timestamp']}, not {now.isoformat()}; is NOW set?"
    newest = values.get("max_column_timestamp_utc")
    local_offset = datetime.fromisoformat(newest).astimezone().utcoffset() if newest else None
    if local_offset not in (None, timedelta(0)):
        yield "freshness needs a process whose local time is UTC: set TZ=UTC"


def _one_line(log: Any) -> str:  # noqa: ANN401  Soda is untyped
    where = f" (line {log.location.line})" if log.location and log.location.line else ""
    text = " ".join(str(log.message).split())
    cause = " ".join(str(log.exception).split()) if log.exception else ""
    text = text if not cause or cause in text else f"{text}: {cause}"
    return f"Soda: {text[:_MAX_ERROR_CHARS]}{where}"


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("soda")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _no_env_file() -> Iterator[None]:
    """Soda finds no `.env` inside; python-dotenv itself is not changed."""
    from soda.common import env_helper  # noqa: PLC0415  as costly as the rest of Soda

    load_dotenv = env_helper.load_dotenv
    env_helper.load_dotenv = lambda **_: False
    try:
        yield
    finally:
        env_helper.load_dotenv = load_dotenv
