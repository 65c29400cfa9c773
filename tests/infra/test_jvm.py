"""A driver notices that its Spark is gone, however it went."""

import signal
import subprocess
from unittest.mock import MagicMock

import pytest
from py4j.protocol import Py4JNetworkError  # type: ignore[import-untyped] # it has no types

from infra.spark.jvm import SparkEndedError, require_running, stop_cleanly


def spark_whose(exit_code: int | None = None, is_stopped: bool = False) -> MagicMock:
    spark = MagicMock()
    spark.sparkContext._gateway.proc.poll.return_value = exit_code
    spark.sparkContext._jsc.sc.return_value.isStopped.return_value = is_stopped
    return spark


def test_a_spark_at_work_passes() -> None:
    require_running(spark_whose())


@pytest.mark.parametrize(
    ("code", "said"), [(-signal.SIGKILL, "killed, as the kernel does"), (52, "exit code 52")]
)
def test_a_jvm_that_has_ended_is_told_with_how_it_ended_and_is_not_asked(code: int, said: str) -> None:
    spark = spark_whose(exit_code=code)
    with pytest.raises(SparkEndedError, match=said):
        require_running(spark)
    stop_cleanly(spark)
    spark.sparkContext._jsc.sc.assert_not_called()
    spark.stop.assert_not_called()


def test_a_context_that_stopped_by_itself_is_noticed() -> None:
    with pytest.raises(SparkEndedError, match="stopped by itself"):
        require_running(spark_whose(is_stopped=True))


@pytest.mark.parametrize("error", [Py4JNetworkError("gone"), ConnectionRefusedError("gone")])
def test_a_jvm_that_does_not_answer_is_noticed_and_stopping_it_does_not_hide_that(error: Exception) -> None:
    spark = spark_whose()
    spark.sparkContext._jsc.sc.side_effect = error
    spark.sparkContext._gateway.proc.wait.side_effect = subprocess.TimeoutExpired("java", 5)
    spark.stop.side_effect = error
    with pytest.raises(SparkEndedError, match="does not respond"):
        require_running(spark)
    stop_cleanly(spark)


def test_a_jvm_that_dies_while_it_is_asked_is_told_with_how_it_ended() -> None:
    spark = spark_whose()
    spark.sparkContext._gateway.proc.poll.side_effect = [None, -signal.SIGKILL]
    spark.sparkContext._jsc.sc.side_effect = Py4JNetworkError("gone")
    with pytest.raises(SparkEndedError, match="killed, as the kernel does"):
        require_running(spark)
