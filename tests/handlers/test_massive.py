"""Flat files arrive whole or not at all: resumed after interruptions, of one version, errors classified."""

import gzip
import hashlib
import logging
import pickle
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flows.handlers.errors import ErrorClass, FetchStoppedError, ProviderError
from flows.handlers.massive.files import file_key, part_path, whole_path
from flows.handlers.massive.handler import MANIFEST, MassiveClient, connect
from flows.handlers.massive.responses import ClassifiedError
from flows.handlers.models import ReceivedFile
from flows.handlers.transport.retry import HttpPolicy
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.massive.file_store import FileStore
from flows.simulator.server import Simulator
from flows.simulator.service import SimulatorConfig
from tests.servers.minio import Store, needs_minio

DAY = date(2010, 8, 19)
NOW = datetime(2010, 9, 1, 12, tzinfo=UTC)
KEY_ID, SECRET = "CANARYKEYID7", "CANARY7SECRET/42+X="
Make = Callable[..., MassiveClient]


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[Simulator]:
    with Simulator(SimulatorConfig(clock=NOW)) as running:
        yield running


@pytest.fixture
def simulator(shared_simulator: Simulator) -> Iterator[Simulator]:
    yield shared_simulator
    shared_simulator.service.set_faults(())
    files(shared_simulator).overrides.clear()


@pytest.fixture
def make(simulator: Simulator, sleeps: list[float]) -> Iterator[Make]:
    with ExitStack() as stack:

        def made(
            key_id: str = KEY_ID, url: str = simulator.base, bucket: str = "flatfiles", **policy: Any
        ) -> MassiveClient:
            timeouts = HttpPolicy(**{"connect_timeout_seconds": 60.0, "read_timeout_seconds": 60.0, **policy})
            handler = connect(
                key_id,
                SECRET,
                endpoint_url=url,
                bucket=bucket,
                policy=timeouts,
                clock=lambda: NOW,
                sleep=sleeps.append,
            )
            return stack.enter_context(handler)

        yield made


def files(simulator: Simulator) -> FileStore:
    """The simulator's file store, to add files to it."""
    provider_simulator: Any = simulator.service.provider_simulator("massive")
    found: FileStore = provider_simulator.files
    return found


def serve(simulator: Simulator, content: bytes, dataset: str = "trades_v1") -> None:
    files(simulator).overrides[file_key(dataset, DAY)] = content


def fetch(handler: MassiveClient, folder: Path, dataset: str = "trades_v1") -> ReceivedFile:
    return handler.download(handler.head(dataset, DAY), folder)


def error_of(handler: MassiveClient, folder: Path, dataset: str = "trades_v1") -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        fetch(handler, folder, dataset)
    return raised.value


def requested_ranges(handler: MassiveClient) -> list[str | None]:
    """A list that receives the Range header of every later GET."""
    ranges: list[str | None] = []

    def record_range(request: Any, **_: Any) -> None:
        found = request.headers.get("Range")
        ranges.append(found.decode() if isinstance(found, bytes) else found)

    handler.store.client.meta.events.register("before-send.s3.GetObject", record_range)
    return ranges


@cache
def large_file() -> bytes:
    """About eight megabytes that gzip cannot compress."""
    return gzip.compress(b"ticker,size\n" + random.Random(7).randbytes(8 * 1024 * 1024), 1, mtime=0)


@pytest.mark.parametrize("dataset", MANIFEST.datasets)
def test_a_file_arrives_byte_for_byte(simulator: Simulator, make: Make, tmp_path: Path, dataset: str) -> None:
    received = fetch(make(), tmp_path, dataset)

    served = files(simulator).find(file_key(dataset, DAY), NOW, ())
    assert served is not None
    assert received.path.read_bytes() == served.content
    assert received.sha256 == hashlib.sha256(served.content).hexdigest()
    assert received.remote.etag == served.etag.strip('"')
    assert received.remote.size_bytes == len(served.content)
    assert received.remote.last_modified == datetime(2010, 8, 20, 15, tzinfo=UTC)
    assert received.remote.is_simulated
    assert received.fetched_at == NOW
    assert not list(tmp_path.glob("*.part"))


def test_an_interrupted_download_is_resumed(
    simulator: Simulator, make: Make, tmp_path: Path, sleeps: list[float]
) -> None:
    serve(simulator, large_file())
    handler = make()
    remote, ranges = handler.head("trades_v1", DAY), requested_ranges(handler)
    simulator.service.set_faults([Fault(FaultKind.TRUNCATED, count=1)])

    received = handler.download(remote, tmp_path)

    assert received.path.read_bytes() == large_file()
    assert len(sleeps) == 1
    assert ranges[0] is None
    half, lost = len(large_file()) // 2, 64 * 1024
    continued_at = int((ranges[1] or "").removeprefix("bytes=").rstrip("-"))
    assert half - lost <= continued_at <= half


def test_the_part_of_a_killed_process_is_resumed(simulator: Simulator, make: Make, tmp_path: Path) -> None:
    serve(simulator, large_file())
    handler = make()
    remote, ranges = handler.head("trades_v1", DAY), requested_ranges(handler)
    part_path(tmp_path, remote).write_bytes(large_file()[:123_456])

    assert handler.download(remote, tmp_path).path.read_bytes() == large_file()
    assert ranges == ["bytes=123456-"]


def test_a_whole_file_that_was_never_used_costs_no_download(make: Make, tmp_path: Path) -> None:
    handler = make()
    first = fetch(handler, tmp_path)
    ranges = requested_ranges(handler)

    assert fetch(handler, tmp_path).sha256 == first.sha256
    assert ranges == []


def test_only_attempts_without_progress_count(
    simulator: Simulator, make: Make, tmp_path: Path, sleeps: list[float]
) -> None:
    serve(simulator, large_file())
    handler = make(attempts=2)
    remote = handler.head("trades_v1", DAY)
    simulator.service.set_faults([Fault(FaultKind.TRUNCATED, count=3)])

    assert handler.download(remote, tmp_path).path.read_bytes() == large_file()
    assert len(sleeps) == 3


def test_a_download_without_progress_is_abandoned(
    simulator: Simulator, make: Make, tmp_path: Path, sleeps: list[float]
) -> None:
    handler = make(attempts=3)
    remote = handler.head("trades_v1", DAY)
    simulator.service.set_faults([Fault(FaultKind.HTTP_503)])

    with pytest.raises(ProviderError) as raised:
        handler.download(remote, tmp_path)

    assert raised.value.error_class is ErrorClass.unavailable
    assert len(sleeps) == 2


def test_a_damaged_part_is_deleted_and_fetched_again(
    simulator: Simulator, make: Make, tmp_path: Path
) -> None:
    serve(simulator, large_file())
    handler = make()
    remote, ranges = handler.head("trades_v1", DAY), requested_ranges(handler)
    part_path(tmp_path, remote).write_bytes(b"\0" * 100_000)

    assert handler.download(remote, tmp_path).path.read_bytes() == large_file()
    assert ranges == ["bytes=100000-", None]


def test_a_file_replaced_during_its_download_is_fetched_in_its_new_version(
    simulator: Simulator, make: Make, tmp_path: Path
) -> None:
    handler = make()
    old = handler.head("trades_v1", DAY)
    part_path(tmp_path, old).write_bytes(b"the beginning of the old version")
    simulator.service.set_faults([Fault(FaultKind.CORRECTIONS)])

    received = handler.download(old, tmp_path)

    assert received.remote.etag != old.etag
    assert received.remote == handler.head("trades_v1", DAY)
    assert [path.name for path in tmp_path.glob("*.part")] == []
    assert received.path == whole_path(tmp_path, received.remote)


@dataclass
class OddStore:
    """A store that does not honour ranges as requested: `altered` changes the request."""

    client: Any
    altered: Callable[[dict[str, str]], dict[str, str]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def get_object(self, **params: str) -> Any:
        assert params["IfMatch"]
        return self.client.get_object(**self.altered(params))


def with_client(handler: MassiveClient, altered: Callable[[dict[str, str]], dict[str, str]]) -> MassiveClient:
    """The handler with a store that alters requests."""
    return MassiveClient(replace(handler.store, client=OddStore(handler.store.client, altered)))


def test_a_store_that_ignores_ranges_is_read_from_the_start(
    simulator: Simulator, make: Make, tmp_path: Path
) -> None:
    serve(simulator, large_file())
    plain = make()
    handler = with_client(plain, lambda params: {**params, "Range": "bytes=x"})
    remote = handler.head("trades_v1", DAY)
    part_path(tmp_path, remote).write_bytes(large_file()[:1000])

    assert handler.download(remote, tmp_path).path.read_bytes() == large_file()


def test_a_store_that_sends_another_part_is_refused(simulator: Simulator, make: Make, tmp_path: Path) -> None:
    serve(simulator, large_file())
    plain = make()
    handler = with_client(plain, lambda params: {**params, "Range": "bytes=5-"})
    remote = handler.head("trades_v1", DAY)
    part_path(tmp_path, remote).write_bytes(large_file()[:1000])

    with pytest.raises(ProviderError, match="another part of the file"):
        handler.download(remote, tmp_path)
    assert part_path(tmp_path, remote).read_bytes() == large_file()[:1000]


def test_the_rest_is_requested_from_a_store_that_sends_too_little(
    simulator: Simulator, make: Make, tmp_path: Path
) -> None:
    serve(simulator, large_file())
    plain = make(attempts=2)

    def three_megabytes(params: dict[str, str]) -> dict[str, str]:
        first = int(params.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        return {**params, "Range": f"bytes={first}-{first + 2_999_999}"}

    handler = with_client(plain, three_megabytes)

    assert fetch(handler, tmp_path).path.read_bytes() == large_file()


@pytest.mark.parametrize(
    ("key_id", "dataset", "expected"),
    [
        ("wrong-key-id", "day_aggs_v1", ErrorClass.bad_credentials),
        ("forged-key-id", "day_aggs_v1", ErrorClass.bad_credentials),
        ("basic-key-id", "trades_v1", ErrorClass.not_entitled),
    ],
)
def test_the_reason_of_a_refusal_is_requested(
    make: Make, tmp_path: Path, key_id: str, dataset: str, expected: ErrorClass, sleeps: list[float]
) -> None:
    error = error_of(make(key_id), tmp_path, dataset)

    assert error.error_class is expected
    assert error.payload is not None
    assert error.payload.status == 403
    assert sleeps == []


def test_a_plan_without_ticks_has_bars(make: Make, tmp_path: Path) -> None:
    assert fetch(make("basic-key-id"), tmp_path, "minute_aggs_v1").path.exists()


def test_a_day_without_a_file_is_no_data(make: Make) -> None:
    with pytest.raises(ProviderError, match=r"found HTTP 404.*11:00 New York") as raised:
        make().head("trades_v1", date(2010, 8, 21))

    assert raised.value.error_class is ErrorClass.no_data
    assert raised.value.payload is not None
    assert raised.value.payload.request == "/flatfiles/us_stocks_sip/trades_v1/2010/08/2010-08-21.csv.gz"
    assert raised.value.payload.symbol == "ALL"


def test_an_unknown_dataset_is_refused_without_a_call(make: Make) -> None:
    with pytest.raises(ProviderError, match=r"trades_v1.*found 'ticks'") as raised:
        make(url="http://127.0.0.1:9").head("ticks", DAY)
    assert raised.value.error_class is ErrorClass.bad_symbol


@pytest.mark.parametrize(
    ("fault", "expected", "attempts"),
    [
        (Fault(FaultKind.HTTP_429, seconds=7), ErrorClass.too_fast, 4),
        (Fault(FaultKind.HTTP_503), ErrorClass.unavailable, 4),
        (Fault(FaultKind.TIMEOUT, seconds=2), ErrorClass.unavailable, 4),
        (Fault(FaultKind.HTML), ErrorClass.malformed, 2),
    ],
)
def test_transport_faults_are_classified_and_retried_in_one_layer(
    simulator: Simulator,
    make: Make,
    tmp_path: Path,
    sleeps: list[float],
    fault: Fault,
    expected: ErrorClass,
    attempts: int,
) -> None:
    simulator.service.set_faults([fault])
    before = served(simulator)

    read_timeout_seconds = 0.3 if fault.kind is FaultKind.TIMEOUT else 60.0
    error = error_of(make(attempts=4, read_timeout_seconds=read_timeout_seconds), tmp_path)

    assert error.error_class is expected
    until = (
        time.monotonic() + 60
    )  # who gave up waiting may have done so before the simulator counted the call
    while served(simulator) - before < attempts and time.monotonic() < until:
        time.sleep(0.05)
    assert served(simulator) - before == attempts
    assert len(sleeps) == attempts - 1
    assert all(wait >= fault.seconds for wait in sleeps if fault.kind is FaultKind.HTTP_429)


def served(simulator: Simulator) -> int:
    stats: Any = simulator.service.stats()
    return int(stats["protocols"]["massive"]["served"])


def test_an_unreachable_store_is_unavailable(make: Make, tmp_path: Path) -> None:
    assert error_of(make(url="http://127.0.0.1:9"), tmp_path).error_class is ErrorClass.unavailable


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<!DOCTYPE html><html>We will be back soon</html>", "not a gzip file"),
        (gzip.compress(b"ticker,size\n" + b"A,1\n" * 999)[:-30], "ends too early"),
        (gzip.compress(b"ticker,size\n")[:-4] + b"\0\0\0\1", "not a gzip file, or a damaged one"),
        (gzip.compress(b"<html>We will be back soon</html>"), "without the column ticker"),
        (gzip.compress(b""), "without the column ticker"),
        (b"", "without the column ticker"),
    ],
    ids=["a page", "cut off", "damaged", "a zipped page", "zipped nothing", "nothing"],
)
def test_an_incomplete_or_invalid_flat_file_is_malformed_and_shown(
    simulator: Simulator, make: Make, tmp_path: Path, content: bytes, found: str
) -> None:
    serve(simulator, content)

    error = error_of(make(), tmp_path)

    assert error.error_class is ErrorClass.malformed
    assert found in error.found
    assert error.payload is not None
    assert error.payload.body == content
    assert not list(tmp_path.glob("*.part"))
    assert not list(tmp_path.glob("*.csv.gz"))


def test_a_stopped_download_keeps_the_part(
    simulator: Simulator, make: Make, tmp_path: Path, sleeps: list[float]
) -> None:
    serve(simulator, large_file())
    plain = make()
    remote = plain.head("trades_v1", DAY)

    def stopped(params: dict[str, str]) -> dict[str, str]:
        plain.stop.set()
        return params

    with pytest.raises(FetchStoppedError):
        with_client(plain, stopped).download(remote, tmp_path)

    assert part_path(tmp_path, remote).stat().st_size == 64 * 1024
    assert sleeps == []
    assert make().download(remote, tmp_path).path.read_bytes() == large_file()


def test_an_unwritable_folder_is_not_the_providers_error(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    handler = make()
    remote = handler.head("trades_v1", DAY)
    with pytest.raises(OSError, match="file"):
        handler.download(remote, tmp_path / "file" / "folder")


@pytest.mark.parametrize("kind", [FaultKind.ECHO_KEY, FaultKind.TRUNCATED, FaultKind.HTTP_503])
def test_keys_are_nowhere_in_errors_and_log_lines(
    simulator: Simulator, make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: FaultKind
) -> None:
    caplog.set_level(logging.DEBUG)
    key_id = f"wrong-{KEY_ID}"
    handlers = [make(), make(key_id)]
    simulator.service.set_faults([Fault(kind)])
    # The signature names the key id on the wire, so the libraries' own log lines name it, too.
    errors = [error_of(handler, tmp_path) for handler in handlers]

    shown = caplog.text + "".join(f"{error!r} {error} {error.payload} {vars(error)}" for error in errors)
    assert "GetObject" in caplog.text or "HeadObject" in caplog.text
    for secret in (KEY_ID, SECRET):
        assert secret not in shown
        assert secret.encode() not in pickle.dumps(errors)
        assert secret not in repr(handlers)
    for error in errors:
        assert error.__cause__ is None
        assert error.__context__ is None


def test_keys_that_the_store_repeats_are_redacted_in_the_error(make: Make) -> None:
    repeated = f"no such id: {KEY_ID}, nor {SECRET}"
    classified = ClassifiedError(ErrorClass.malformed, repeated, 400, {})

    error = make().store.failure("trades_v1", DAY, classified, repeated.encode()).error

    assert error.found == "no such id: REDACTED, nor REDACTED"
    assert error.payload is not None
    assert error.payload.body == error.found.encode()


def test_a_closed_handler_restores_the_loggers() -> None:
    def filters() -> int:
        return sum(
            len(logging.getLogger(name).filters) for name in ("boto3", "botocore", "botocore.endpoint")
        )

    before = filters()
    handler = connect(KEY_ID, SECRET)
    assert filters() > before
    handler.close()
    assert filters() == before


@pytest.mark.parametrize(("key_id", "secret"), [("", SECRET), (KEY_ID, " ")])
def test_a_missing_key_is_reported_before_any_call(key_id: str, secret: str) -> None:
    with pytest.raises(ProviderError, match="MASSIVE_ACCESS_KEY_ID and MASSIVE_SECRET_ACCESS_KEY") as raised:
        connect(key_id, secret)
    assert raised.value.error_class is ErrorClass.bad_credentials


def test_every_dataset_has_a_calendar() -> None:
    assert set(MANIFEST.calendars) == set(MANIFEST.datasets)


@pytest.mark.system
@needs_minio
def test_a_real_s3_store_is_read_resumed_and_seen_to_change(
    store: Store,
    make: Make,
    tmp_path: Path,
    sleeps: list[float],
) -> None:
    client = store.client()
    first, second = large_file(), gzip.compress(b"ticker,size\nA,2\n")
    client.put_object(Bucket="market", Key=file_key("trades_v1", DAY), Body=first)
    with connect(
        store.access_key,
        store.secret_key,
        endpoint_url=store.endpoint,
        bucket="market",
        sleep=sleeps.append,
    ) as handler:
        old, ranges = handler.head("trades_v1", DAY), requested_ranges(handler)
        part_path(tmp_path, old).write_bytes(first[:1_000_000])
        assert handler.download(old, tmp_path).path.read_bytes() == first
        assert ranges == ["bytes=1000000-"]

        whole_path(tmp_path, old).rename(part_path(tmp_path, old))
        with part_path(tmp_path, old).open("r+b") as part:
            part.truncate(500_000)
        client.put_object(Bucket="market", Key=file_key("trades_v1", DAY), Body=second)
        received = handler.download(old, tmp_path)
        assert received.path.read_bytes() == second
        assert received.remote.etag != old.etag

        with pytest.raises(ProviderError) as raised:
            handler.head("trades_v1", date(2010, 8, 20))
        assert raised.value.error_class is ErrorClass.no_data
    with pytest.raises(ProviderError) as raised:
        make("unknown-key-id", url=store.endpoint, bucket="market").head("trades_v1", DAY)
    assert raised.value.error_class is ErrorClass.bad_credentials
