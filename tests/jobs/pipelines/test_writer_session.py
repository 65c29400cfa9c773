"""The error of a run whose store or engine goes away while it builds."""

from dataclasses import replace

import pytest
from pyspark.errors.exceptions.connect import SparkConnectGrpcException

from delta_tables.storage.lake import Lake, LakeError
from jobs.engine.spark_connect import EngineError
from jobs.pipelines.writer_session import writer_session
from tests.builders.lakes import workspace


def test_a_store_that_went_away_is_named_in_place_of_the_engines_error(lake: Lake) -> None:
    def away() -> None:
        raise LakeError("the store cannot be asked")

    ctx = workspace(replace(lake, require_writer=away))
    with pytest.raises(LakeError, match="the store cannot be asked") as told, writer_session(ctx):
        raise OSError("curlCode: 6")
    assert str(told.value.__cause__) == "curlCode: 6"


def test_other_errors_stay_as_they_are(lake: Lake) -> None:
    ctx = workspace(lake)
    with pytest.raises(OSError, match="no space"), writer_session(ctx):
        raise OSError("no space")


@pytest.mark.parametrize(
    "said",
    ["[INVALID_HANDLE.SESSION_NOT_FOUND] The handle is invalid.", "status = StatusCode.UNAVAILABLE"],
    ids=["another", "none"],
)
def test_a_restarted_engine_is_named(lake: Lake, said: str) -> None:
    ctx = workspace(lake)
    with (
        pytest.raises(EngineError, match=r"during the work\. No table was half-published\. Run again"),
        writer_session(ctx),
    ):
        raise SparkConnectGrpcException(said)


def test_a_failed_clean_up_does_not_hide_the_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = workspace(lake)

    def refuse(_lake: Lake, run_id: str = "") -> None:
        if run_id:
            raise LakeError("what runs have staged cannot be removed")

    monkeypatch.setattr(Lake, "drop_staging", refuse)
    with pytest.raises(ValueError, match="the first"), writer_session(ctx):
        raise ValueError("the first")
    with writer_session(ctx):
        pass
