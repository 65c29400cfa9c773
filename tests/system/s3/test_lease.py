"""A lease by conditional PUT, against a real MinIO."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.lease import LeaseHeldError, lease
from delta_tables.storage.lease_object import Claim, LeaseObject, Right
from delta_tables.storage.object_store import create_winners
from flows.cli.context import CliContext
from flows.cli.maintenance.doctor import Finding, examine
from jobs.runs.clock import utc_now
from tests.servers.minio import Store, make_bucket, needs_minio, new_store, started

pytestmark = needs_minio


@pytest.fixture
def lake(store: Store, request: pytest.FixtureRequest) -> Lake:
    return store.lake(f"market/{request.node.name}")


def client_and_prefix(lake: Lake) -> tuple[Any, str]:
    """A client that is none of ours, and the lake's prefix in the bucket `market`."""
    options = lake.options
    key = (options["AWS_ACCESS_KEY_ID"], options["AWS_SECRET_ACCESS_KEY"])
    return Store(options["AWS_ENDPOINT_URL"], *key).client(), lake.root.removeprefix("s3a://market/")


def steal(lake: Lake, name: Right = "build", body: bytes = b'{"holder": "a thief"}') -> None:
    """Writes the lease as another would."""
    client, prefix = client_and_prefix(lake)
    client.put_object(Bucket="market", Key=f"{prefix}/_lease/{name}.json", Body=body)


def lease_objects(lake: Lake) -> list[str]:
    """The keys of all leases of the lake."""
    client, prefix = client_and_prefix(lake)
    found = client.list_objects_v2(Bucket="market", Prefix=f"{prefix}/_lease/").get("Contents", [])
    return [each["Key"] for each in found]


def sooner_or_later(happened: Callable[[], bool], what: str) -> None:
    """Waits for what a thread does, however late this machine lets it run."""
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, f"in a minute there was no {what}"
        time.sleep(0.2)


def is_refused(check: Callable[[], None]) -> bool:
    """Whether the check says that the lease was lost."""
    try:
        check()
    except LeaseHeldError:
        return True
    return False


@dataclass
class MortalStore:
    """A MinIO of one test's own, that can be killed and started again over the same folder."""

    store: Store
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Starts it; it answers a little later."""
        self.process = started(self.store, self.folder)

    def kill(self) -> None:
        """Ends it as kill -9 does."""
        assert self.process
        self.process.kill()
        self.process.wait(timeout=60)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[MortalStore]:
    mortal = MortalStore(new_store(), tmp_path / "minio")
    mortal.start()
    try:
        make_bucket(mortal.store)
        yield mortal
    finally:
        mortal.kill()


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

    monkeypatch.setattr("flows.cli.maintenance.doctor.create_winners", lambda _lake: 2)
    unsound = findings(lake, tmp_path)["lake"]
    assert not unsound.is_well
    assert "2 created the same object" in unsound.found


def test_a_second_writer_is_refused_and_told_who_writes(lake: Lake) -> None:
    with lease(lake, "build") as first:
        with (
            pytest.raises(LeaseHeldError, match=r"is being written \(build\) by .* process"),
            lease(lake, "build"),
        ):
            pass
        first.require()
        with lease(lake, "spark-driver") as other:  # another right
            other.require()
    with lease(lake, "build") as again:  # given back
        again.require()
    assert lease_objects(lake) == []
    with pytest.raises(LeaseHeldError, match="given back"):
        first.require()


def test_a_lease_is_renewed_while_it_is_held(lake: Lake) -> None:
    stored = LeaseObject(lake, "build")

    def etag() -> str:
        held = stored.read()
        assert held
        return held.etag

    with lease(lake, "build", seconds=6) as held:
        seen = [etag()]

        def is_renewed_twice() -> bool:
            seen.append(etag())
            return len(set(seen)) > 2

        sooner_or_later(is_renewed_twice, "second renewal")
        held.raise_if_lost()


def test_who_lost_the_lease_may_write_no_more_and_leaves_the_thiefs_alone(lake: Lake) -> None:
    with lease(lake, "build") as held:
        steal(lake)
        with pytest.raises(LeaseHeldError, match="was lost: a thief took it over"):
            held.require()
        with pytest.raises(LeaseHeldError, match="a thief"):
            held.raise_if_lost()
    with pytest.raises(LeaseHeldError, match="a thief"), lease(lake, "build"):
        pass


def test_a_theft_is_noticed_without_asking(lake: Lake) -> None:
    with lease(lake, "build", seconds=3) as held:
        steal(lake)
        sooner_or_later(lambda: is_refused(held.raise_if_lost), "refusal")


def test_a_lease_that_was_taken_away_is_lost_though_nobody_holds_it_now(lake: Lake) -> None:
    with lease(lake, "build") as held:
        client, prefix = client_and_prefix(lake)
        client.delete_object(Bucket="market", Key=f"{prefix}/_lease/build.json")
        with pytest.raises(LeaseHeldError, match="another took it over and has ended"):
            held.require()
        with lease(lake, "build"), pytest.raises(LeaseHeldError):
            held.require()


def test_the_lease_of_a_dead_holder_is_taken_over_after_its_span(lake: Lake) -> None:
    began = time.monotonic()  # before the other's last renewal
    steal(lake)
    with lease(lake, "build", wait_seconds=60, seconds=2) as held:
        held.require()
    assert time.monotonic() - began > 1


def test_the_span_that_counts_is_the_holders(lake: Lake) -> None:
    with (
        lease(lake, "build", seconds=600),
        pytest.raises(LeaseHeldError, match="expires 600 s after"),
        lease(lake, "build", wait_seconds=3, seconds=1),
    ):
        pass


def test_a_holder_that_starts_again_in_its_place_does_not_wait(lake: Lake) -> None:
    with lease(lake, "spark-driver", place="container-1") as first:
        with pytest.raises(LeaseHeldError), lease(lake, "spark-driver", place="container-2"):
            pass
        with pytest.raises(LeaseHeldError), lease(lake, "spark-driver"):
            pass
        with lease(lake, "spark-driver", place="container-1") as again:
            again.require()
            with pytest.raises(LeaseHeldError):
                first.require()


@pytest.mark.parametrize("body", [b"", b"no JSON \xff", b'["a list"]', b'{"seconds": "long"}'])
def test_an_object_that_is_no_lease_is_waited_for_like_one(lake: Lake, body: bytes) -> None:
    steal(lake, body=body)
    with pytest.raises(LeaseHeldError, match="somebody unknown"), lease(lake, "build"):
        pass


def test_a_write_whose_answer_was_lost_is_known_as_our_own_when_it_is_repeated(lake: Lake) -> None:
    stored = LeaseObject(lake, "build")
    ours = Claim("0123", "we", "", 60.0)
    created = stored.write(ours, None)
    assert created
    again = stored.write(ours, None)
    assert again
    assert again.etag == created.etag

    renewed = stored.write(ours, created)
    assert renewed
    assert renewed.etag != created.etag
    repeated = stored.write(ours, created)
    assert repeated
    assert repeated.etag == renewed.etag
    assert stored.write(replace(ours, claim_id="4567"), created) is None
    assert stored.write(replace(ours, claim_id="4567"), None) is None


def test_a_lease_outlives_a_store_that_was_away_for_longer_than_its_span(mortal: MortalStore) -> None:
    with lease(mortal.store.lake("market/away"), "build", seconds=4) as held:
        mortal.kill()
        with pytest.raises(LakeError, match="cannot be asked who may write") as away:
            held.require()
        assert not isinstance(away.value, LeaseHeldError)
        time.sleep(5)
        held.raise_if_lost()
        mortal.start()
        _until_it_answers(mortal.store)
        held.require()


def _until_it_answers(there: Store) -> None:
    client, _prefix = client_and_prefix(there.lake("market/away"))

    def answers() -> bool:
        try:
            client.list_objects_v2(Bucket="market")
        except Exception:
            return False
        return True

    sooner_or_later(answers, "answer")


def test_a_lease_is_left_soon_where_the_store_hangs(mortal: MortalStore) -> None:
    with lease(mortal.store.lake("market/hangs"), "build") as held:
        assert mortal.process
        mortal.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
    assert time.monotonic() - began < 60
    with pytest.raises(LeaseHeldError, match="given back"):
        held.raise_if_lost()


def test_a_store_that_is_away_says_so() -> None:
    nowhere = Lake("s3a://lake/x", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "us-east-1"})
    with pytest.raises(LakeError, match="cannot be"):
        create_winners(nowhere)
