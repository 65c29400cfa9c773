"""One writer of a lake in a bucket, by conditional PUT against a real MinIO."""

import time
from pathlib import Path

import boto3
import pytest
from rich.console import Console

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.lake import Lake, LakeError
from delta_tables.lease import Lease, LeaseHeldError, lease
from delta_tables.object_store import create_winners
from flows.cli.context import CliContext
from flows.cli.doctor import Finding, examine
from flows.workspace import utc_now
from tests.s3.test_s3_lake import MINIO, Store, store  # noqa: F401 - `store` is a fixture

pytestmark = pytest.mark.skipif(
    MINIO is None, reason="no minio binary: go install github.com/minio/minio (2026-11)"
)


@pytest.fixture
def lake(store: Store, request: pytest.FixtureRequest) -> Lake:  # noqa: F811 - the fixture
    options = {
        "AWS_ENDPOINT_URL": store.endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
    }
    return Lake(f"s3a://market/{request.node.name}", options)


def steal(lake: Lake) -> None:
    """Writes the lease as another would."""
    client = boto3.client(
        "s3",
        endpoint_url=lake.options["AWS_ENDPOINT_URL"],
        aws_access_key_id=lake.options["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=lake.options["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    bucket, prefix = lake.root.removeprefix("s3a://").split("/", 1)
    client.put_object(Bucket=bucket, Key=f"{prefix}/_lease/build.json", Body=b'{"holder": "a thief"}')


def until_refused(held: Lease, within_seconds: float) -> str:
    """What `require` says once it refuses, however late this machine's renewing thread is."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        try:
            held.require()
        except LeaseHeldError as refusal:
            return str(refusal)
        time.sleep(0.2)
    raise AssertionError("the thief was not noticed")


def test_of_32_writers_at_once_one_creates_the_object(lake: Lake) -> None:
    assert create_winners(lake) == 1


def findings(lake: Lake, state: Path) -> dict[str, Finding]:
    settings = Settings(state_dir=state)
    here = CliContext(settings, Secrets(), lake, is_json=False, console=Console(), now=utc_now)
    return {finding.what: finding for finding in examine(here)}


def test_the_doctor_says_what_the_store_allows(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = findings(lake, tmp_path)["lake"]
    assert sound.is_well
    assert "of 32 writers at once one created" in sound.found

    monkeypatch.setattr("flows.cli.doctor.create_winners", lambda _lake: 2)
    unsound = findings(lake, tmp_path)["lake"]
    assert not unsound.is_well
    assert "2 created the same object" in unsound.found


def test_a_second_writer_is_refused_and_told_who_writes(lake: Lake) -> None:
    with (
        lease(lake, "build") as first,
        pytest.raises(LeaseHeldError, match=r"is being written \(build\) by .* process"),
        lease(lake, "build"),
    ):
        pass
    first.require()
    with lease(lake, "build") as again:  # given back
        again.require()


def test_a_lease_is_kept_by_renewing_it(lake: Lake) -> None:
    with lease(lake, "build", seconds=6) as held:
        time.sleep(9)
        held.require()
        with pytest.raises(LeaseHeldError), lease(lake, "build", seconds=6):
            pass


def test_who_lost_the_lease_may_write_no_more_and_leaves_the_thiefs_alone(lake: Lake) -> None:
    with lease(lake, "build", seconds=6) as held:
        steal(lake)
        refused = until_refused(held, within_seconds=30)
        assert "another took it over" in refused or "did not answer in time" in refused
    with pytest.raises(LeaseHeldError, match="a thief"), lease(lake, "build", seconds=60):
        pass


def test_the_lease_of_a_dead_holder_is_taken_over_after_its_span(lake: Lake) -> None:
    steal(lake)
    began = time.monotonic()
    with lease(lake, "build", wait_seconds=20, seconds=2) as held:
        held.require()
    assert time.monotonic() - began > 1


def test_a_store_that_is_away_says_so() -> None:
    nowhere = Lake("s3a://lake/x", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "us-east-1"})
    with pytest.raises(LakeError, match="cannot be"):
        create_winners(nowhere)
