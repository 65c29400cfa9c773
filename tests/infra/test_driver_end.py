"""How the stack's Spark driver ends where Spark refuses, without Spark: with 1, and why in one line."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from py4j.protocol import Py4JError  # type: ignore[import-untyped] # it has no types
from pyspark.errors import AnalysisException, PySparkRuntimeError

from infra.spark import driver

TRACE = "An error occurred while calling o123.start.\n: java.net.BindException: in use\n\tat sun.nio.Net.bind"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            PySparkRuntimeError(error_class="JAVA_GATEWAY_EXITED", message_parameters={}),
            "[JAVA_GATEWAY_EXITED] Java gateway process exited before sending its port",
        ),
        (AnalysisException("no such table"), "no such table"),
        (
            Py4JError(TRACE),
            "An error occurred while calling o123.start. : java.net.BindException: in use",
        ),
    ],
    ids=["no JVM", "a statement", "a call"],
)
def test_what_spark_refuses_is_told_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    line: str,
) -> None:
    def refuse(_lake: object, _environ: object, _require_ours: Callable[[], None]) -> NoReturn:
        raise error

    monkeypatch.setenv("LAKEHOUSE_LAKE", str(tmp_path / "lake"))
    monkeypatch.setattr(driver, "serve", refuse)
    monkeypatch.setattr(driver, "_exit_on_signals", lambda: None)  # the answers to signals are pytest's
    with pytest.raises(SystemExit) as ended:
        driver.main()
    assert ended.value.code == 1
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert said.startswith(f"Spark could not serve: {line}")
    assert "\n" not in said
