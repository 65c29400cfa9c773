"""Flat files land verbatim, each version once, and leave the landing zone when nothing needs them."""

import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import flows.landing.flat_files
from config.load import ConfigError
from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError, lake_of
from delta_tables.tables.bronze import DEAD_LETTERS, RAW_FILES
from flows.handlers.massive.files import file_key
from flows.ingestion.fetch_files import fetch_files, restore_files
from flows.ingestion.fetch_result import FetchResult
from flows.ingestion.request_selection import range_requests
from flows.ingestion.source import FetchRequest
from flows.ingestion.sources.massive import SOURCE
from flows.landing.flat_files import LandedFile, expire_files, landed_files, landing_path
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.massive.file_store import FileStore, StoredFile
from flows.simulator.server import Simulator
from jobs.runs.errors import PlanError
from jobs.runs.progress import observed_by
from jobs.runs.run_context import RunContext, new_run_id
from tests.servers.minio import Store, needs_minio

NOW = datetime(2010, 8, 14, 12, tzinfo=UTC)  # a Saturday
THURSDAY, FRIDAY = date(2010, 8, 12), date(2010, 8, 13)
BARS = (FetchRequest("massive", "day_aggs_v1", None, date(2010, 8, 9), THURSDAY),)  # four sessions
ONE = (FetchRequest("massive", "day_aggs_v1", None, THURSDAY, THURSDAY),)
Work = Callable[..., RunContext]


@pytest.fixture
def simulator(simulate: Callable[..., Simulator]) -> Simulator:
    return simulate(clock=NOW)


@pytest.fixture
def ctx(simulator: Simulator, lake: Lake, tmp_path: Path) -> Work:
    """Makes run contexts of one lake and one state folder; each is a run of its own."""
    create_tables(lake)

    def made(now: datetime = NOW, key_id: str | None = "a-key-id", **massive: Any) -> RunContext:
        provider = {"endpoint_url": simulator.base, "attempts": 1, "timeout_seconds": 60, **massive}
        settings = Settings.model_validate(
            {"state_dir": tmp_path / "state", "providers": {"massive": provider}}
        )
        secrets = Secrets.model_validate(
            {"massive_access_key_id": key_id, "massive_secret_access_key": "a-secret"}
        )
        return RunContext(settings, secrets, lake, lambda: now, new_run_id())

    return made


def files(simulator: Simulator) -> FileStore:
    provider_simulator: Any = simulator.service.provider_simulator("massive")
    found: FileStore = provider_simulator.files
    return found


def served(simulator: Simulator) -> int:
    stats: Any = simulator.service.stats()
    return int(stats["protocols"]["massive"]["served"])


def results(fetched: list[FetchResult]) -> list[tuple[str, str, int, int, int, str | None]]:
    found = [each.result for each in fetched]
    return [(r.subject, r.status, r.rows_in, r.rows_out, r.rows_bad, r.detail) for r in found]


def landing(lake: Lake) -> list[str]:
    """The files in the landing zone, whatever their names."""
    root = Path(lake.root)
    return sorted(str(path.relative_to(root)) for path in (root / "landing").rglob("*") if path.is_file())


def test_files_land_verbatim_under_their_hash_with_one_row_each(
    simulator: Simulator, ctx: Work, lake: Lake
) -> None:
    fetched = fetch_files(ctx(), BARS)

    assert results(fetched) == [
        ("massive/day_aggs_v1", "done", 4, 4, 0, "0 unchanged, 0 not out yet"),
    ]
    rows = landed_files(lake)
    assert len(rows) == 4
    assert landing(lake) == sorted(row.path for row in rows)
    for row in rows:
        served_file = files(simulator).find(row.key, NOW, ())
        assert served_file is not None
        assert (Path(lake.root) / row.path).read_bytes() == served_file.content
        assert row.file_id == hashlib.sha256(served_file.content).hexdigest()
        assert (row.etag, row.size_bytes) == (served_file.etag.strip('"'), len(served_file.content))
        assert row.path == landing_path("day_aggs_v1", row.file_dt, row.file_id)
        assert row.path == f"landing/massive/day_aggs_v1/2010/08/{row.file_dt}.{row.file_id[:16]}.csv.gz"
        assert (row.fetched_at, row.is_simulated) == (NOW, True)


def test_a_file_refused_for_good_is_not_requested_again_during_its_cooldown(
    simulator: Simulator, ctx: Work, lake: Lake
) -> None:
    day = date(2009, 7, 1)  # a session before the store's first file
    fetch_files(ctx(), (FetchRequest("massive", "day_aggs_v1", None, day, day),))
    asked = served(simulator)
    again = FetchRequest("massive", "day_aggs_v1", None, day, day, NOW - timedelta(hours=1))

    assert fetch_files(ctx(), (again,)) == []

    assert served(simulator) == asked
    assert len(read_rows(lake, DEAD_LETTERS, ["request"])) == 1
    assert fetch_files(ctx(NOW + timedelta(hours=2)), (replace(again, not_before=NOW + timedelta(hours=1)),))
    assert len(read_rows(lake, DEAD_LETTERS, ["request"])) == 2


def test_an_unchanged_file_costs_one_head_request_and_nothing_else(
    simulator: Simulator, ctx: Work, lake: Lake
) -> None:
    fetch_files(ctx(), BARS)
    before = served(simulator)

    again = fetch_files(ctx(), BARS)

    assert served(simulator) - before == 4
    assert results(again)[0][3:] == (0, 0, "4 unchanged, 0 not out yet")
    assert len(landed_files(lake)) == 4


def test_a_republished_day_lands_as_a_new_version_beside_the_old(
    simulator: Simulator, ctx: Work, lake: Lake
) -> None:
    fetch_files(ctx(), BARS)
    simulator.service.set_faults([Fault(FaultKind.CORRECTIONS, symbols=(str(THURSDAY),))])

    later = NOW + timedelta(days=1)
    assert results(fetch_files(ctx(later), BARS))[0][3:] == (1, 0, "3 unchanged, 0 not out yet")

    old, new = (row for row in landed_files(lake) if row.file_dt == THURSDAY)
    assert (old.fetched_at, new.fetched_at) == (NOW, later)
    assert old.file_id != new.file_id
    assert {old.path, new.path} <= set(landing(lake))


def test_an_earlier_version_that_is_published_again_is_a_new_version(
    simulator: Simulator, ctx: Work, lake: Lake
) -> None:
    for hours, faults in enumerate(([], [Fault(FaultKind.CORRECTIONS)], [])):
        simulator.service.set_faults(faults)
        fetch_files(ctx(NOW + timedelta(hours=hours)), ONE)

    first, second, third = landed_files(lake)
    assert first.file_id == third.file_id != second.file_id
    rows = [tuple(getattr(each, name) for name in RAW_FILES.keys) for each in (first, second, third)]
    assert len(set(rows)) == 3
    assert len(landing(lake)) == 2


def test_the_same_bytes_under_another_etag_are_downloaded_once_and_land_nothing(
    simulator: Simulator, ctx: Work, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_files(ctx(), ONE)
    monkeypatch.setattr(StoredFile, "etag", property(lambda _: '"0f-2"'))
    calls = []
    for _ in range(2):
        before = served(simulator)
        assert results(fetch_files(ctx(), ONE))[0][3] == 0
        calls.append(served(simulator) - before)

    assert calls == [2, 1]
    assert len(landed_files(lake)) == 1


def test_a_lost_etag_costs_one_download_and_nothing_else(
    simulator: Simulator, ctx: Work, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_files(ctx(), ONE)
    monkeypatch.setattr(StoredFile, "etag", property(lambda _: '"0f-2"'))
    fetch_files(ctx(), ONE)
    note = tmp_path / "state" / "massive" / "etags" / "day_aggs_v1" / f"{THURSDAY}.json"
    assert json.loads(note.read_text())["etag"] == "0f-2"
    note.write_text("{ damaged")
    before = served(simulator)

    fetch_files(ctx(), ONE)

    assert served(simulator) - before == 2
    assert len(landed_files(lake)) == 1


def test_a_bad_day_and_a_missing_day_do_not_stop_the_others_and_are_kept_as_dead_letters(
    simulator: Simulator, ctx: Work, lake: Lake
) -> None:
    files(simulator).overrides[file_key("day_aggs_v1", date(2010, 8, 10))] = b"<html>Sorry</html>"
    asks = (
        FetchRequest("massive", "day_aggs_v1", None, date(2010, 8, 9), FRIDAY),
        *SOURCE.range_requests(FRIDAY, FRIDAY, ("trades_v1",)),
    )
    later = NOW + timedelta(days=3)
    simulator.service.set_faults([Fault(FaultKind.LATE_BARS, seconds=1e7, symbols=(str(FRIDAY),))])

    bars, trades = fetch_files(ctx(later), asks)

    assert (bars.result.status, bars.result.rows_out, bars.result.rows_bad) == ("done_with_failures", 3, 2)
    assert sorted(each.error_class for each in bars.failures) == ["malformed", "no_data"]
    assert [(each.dataset, each.symbol, each.error_class) for each in trades.failures] == [
        ("trades_v1", "ALL", "no_data")
    ]
    assert not bars.is_refused
    buried = read_rows(lake, DEAD_LETTERS).to_pylist()
    found = sorted((row["dataset"], row["error_class"], row["attempt"], row["outcome"]) for row in buried)
    assert found == [
        ("day_aggs_v1", "malformed", 1, "asked_again"),
        ("day_aggs_v1", "malformed", 2, "given_up"),
        ("day_aggs_v1", "no_data", 1, "given_up"),
        ("trades_v1", "no_data", 1, "given_up"),
    ]
    assert {row["symbol"] for row in buried} == {"ALL"}
    broken = next(row for row in buried if row["error_class"] == "malformed")
    assert broken["body"] == b"<html>Sorry</html>"
    assert broken["request"] == "/flatfiles/us_stocks_sip/day_aggs_v1/2010/08/2010-08-10.csv.gz"


def test_failed_attempts_before_a_success_are_kept_as_dead_letters(
    simulator: Simulator, ctx: Work, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "flows.handlers.transport.retry.wait_exponential_jitter", lambda **_: lambda _state: 0.0
    )
    simulator.service.set_faults([Fault(FaultKind.HTTP_503, count=2), Fault(FaultKind.TRUNCATED, count=1)])

    (fetched,) = fetch_files(ctx(attempts=6), ONE)

    assert (fetched.result.rows_out, fetched.result.rows_bad, fetched.failures) == (1, 0, ())
    buried = read_rows(lake, DEAD_LETTERS).to_pylist()
    assert len(buried) >= 2
    assert {(row["outcome"], row["symbol"], row["error_class"]) for row in buried} == {
        ("asked_again", "ALL", "unavailable")
    }
    assert [row["attempt"] for row in buried][:2] == [1, 2]


def test_a_file_that_is_not_due_is_no_failure(simulator: Simulator, ctx: Work, lake: Lake) -> None:
    evening = datetime(2010, 8, 13, 22, tzinfo=UTC)
    simulator.service.clock.set(evening)

    fetched = fetch_files(ctx(evening, latest_days=2), (FetchRequest("massive", "day_aggs_v1"),))

    assert results(fetched)[0][1:] == ("done", 3, 2, 0, "0 unchanged, 1 not out yet")
    assert read_rows(lake, DEAD_LETTERS).num_rows == 0


def test_wrong_keys_end_the_run_of_all_datasets(ctx: Work) -> None:
    asks = SOURCE.range_requests(date(2010, 8, 2), THURSDAY, ("day_aggs_v1", "trades_v1"))

    bars, trades = fetch_files(ctx(key_id="wrong-id", threads=2), asks)

    assert (bars.is_refused, trades.is_refused) == (True, True)
    assert bars.failures[0].error_class == "bad_credentials"
    assert bars.not_requested >= 5
    assert (trades.not_requested, trades.failures) == (9, ())


def test_a_dataset_outside_the_plan_does_not_stop_the_others(ctx: Work) -> None:
    trades, bars = fetch_files(
        ctx(key_id="basic-id"), SOURCE.range_requests(THURSDAY, THURSDAY, ("trades_v1", "day_aggs_v1"))
    )
    assert [each.error_class for each in trades.failures] == ["not_entitled"]
    assert bars.result.rows_out == 1


def test_missing_secrets_are_named_before_any_call(simulator: Simulator, ctx: Work) -> None:
    with pytest.raises(ConfigError, match="MASSIVE_ACCESS_KEY_ID"):
        fetch_files(ctx(key_id=None), ONE)
    assert served(simulator) == 0


def test_a_run_that_dies_before_its_row_is_written_leaves_nothing_that_counts(
    ctx: Work, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(lake: Lake, *_: Any) -> None:
        raise LakeError(f"{lake.root}: no space left")

    with monkeypatch.context() as patched:
        patched.setattr(flows.landing.flat_files, "append_rows", fails)
        with pytest.raises(LakeError, match="no space left"):
            fetch_files(ctx(), ONE)
    assert landed_files(lake) == []

    assert fetch_files(ctx(), ONE)[0].result.rows_out == 1
    assert landing(lake) == [row.path for row in landed_files(lake)]


def test_a_state_folder_that_cannot_be_written_is_named(ctx: Work, tmp_path: Path) -> None:
    (tmp_path / "state" / "massive").mkdir(parents=True)
    (tmp_path / "state" / "massive" / "downloads").write_text("in the way")
    with pytest.raises(LakeError, match="run again: the download goes on"):
        fetch_files(ctx(), ONE)


def test_progress_is_reported_up_to_the_last_file(ctx: Work) -> None:
    told: list[tuple[str, int, int]] = []
    with observed_by(lambda *step: told.append(step)):
        fetch_files(ctx(), BARS)
    assert told[-1] == ("day_aggs_v1", 4, 4)


def test_old_bytes_leave_when_silver_has_them_and_rows_stay(ctx: Work, lake: Lake) -> None:
    fetch_files(ctx(), BARS)
    rows, before = landed_files(lake), landing(lake)
    late = NOW + timedelta(days=31)

    def is_built(file: LandedFile) -> bool:
        return file.file_dt != THURSDAY

    assert expire_files(lake, late, 0, lambda _: True).removed == ()
    assert expire_files(lake, late, 32, lambda _: True).removed == ()
    assert landing(lake) == before

    gone = expire_files(lake, late, 30, is_built)

    assert sorted(file.file_dt.day for file in gone.removed) == [9, 10, 11]
    assert [file.file_dt for file in gone.kept] == [THURSDAY]
    assert landing(lake) == [file.path for file in gone.kept]
    assert landed_files(lake) == rows
    assert expire_files(lake, late, 30, is_built).removed == ()


def test_bytes_that_a_younger_version_shares_are_kept(simulator: Simulator, ctx: Work, lake: Lake) -> None:
    for days, faults in ((0, []), (1, [Fault(FaultKind.CORRECTIONS)]), (20, [])):
        simulator.service.set_faults(faults)
        fetch_files(ctx(NOW + timedelta(days=days)), ONE)
    _, second, third = landed_files(lake)

    gone = expire_files(lake, NOW + timedelta(days=40), 30, lambda _: True)

    assert [file.path for file in gone.removed] == [second.path]
    assert landing(lake) == [third.path]


def test_an_expired_file_is_not_downloaded_again_but_can_be_brought_back(
    simulator: Simulator, ctx: Work, lake: Lake
) -> None:
    fetch_files(ctx(), BARS)
    rows, before = landed_files(lake), landing(lake)
    expire_files(lake, NOW + timedelta(days=31), 30, lambda file: file.file_dt != THURSDAY)
    calls = served(simulator)

    fetch_files(ctx(), BARS)
    assert len(landing(lake)) == 1
    assert served(simulator) - calls == 4

    restore_files(ctx(), rows)
    assert landing(lake) == before
    assert landed_files(lake) == rows
    assert served(simulator) - calls == 4 + 4 + 3


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-06T15:59:00Z", ["2026-03-03", "2026-03-04", "2026-03-05"]),  # winter: out at 16:00 UTC
        ("2026-03-06T16:00:00Z", ["2026-03-04", "2026-03-05"]),
        ("2026-03-10T14:59:00Z", ["2026-03-05", "2026-03-06", "2026-03-09"]),  # summer: out at 15:00 UTC
        ("2026-03-10T15:00:00Z", ["2026-03-06", "2026-03-09"]),
        ("2026-11-27T17:30:00Z", ["2026-11-24", "2026-11-25"]),  # the half day is on; Thanksgiving was not
        ("2026-11-27T18:00:00Z", ["2026-11-24", "2026-11-25", "2026-11-27"]),  # it closed at 13:00
        ("2026-11-29T12:00:00Z", ["2026-11-25", "2026-11-27"]),
    ],
)
def test_the_latest_files_are_those_due_and_those_of_sessions_that_ended_since(
    now: str, expected: list[str]
) -> None:
    settings = Settings.model_validate({"providers": {"massive": {"latest_days": 2}}})
    days = SOURCE.days(FetchRequest("massive", "trades_v1"), settings, datetime.fromisoformat(now))
    assert days == [date.fromisoformat(day) for day in expected]


def test_a_range_is_requested_up_to_the_last_session_that_ended() -> None:
    ask = FetchRequest("massive", "quotes_v1", None, date(2010, 8, 12), date(2010, 8, 31))
    assert SOURCE.days(ask, Settings(), NOW) == [THURSDAY, FRIDAY]


def test_files_are_due_at_eleven_in_new_york_on_the_next_day() -> None:
    assert not SOURCE.is_due(THURSDAY, datetime(2010, 8, 13, 14, 59, tzinfo=UTC))
    assert SOURCE.is_due(THURSDAY, datetime(2010, 8, 13, 15, tzinfo=UTC))


@pytest.mark.parametrize(
    ("dataset", "start", "said"),
    [("ticks", THURSDAY, "trades_v1"), ("trades_v1", date(2011, 1, 1), "is empty")],
)
def test_an_impossible_range_is_refused(dataset: str, start: date, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        range_requests(Settings(), start, FRIDAY, [dataset], None, "massive")


@pytest.mark.system
@needs_minio
def test_a_lake_in_a_bucket_gets_the_same_bytes_under_the_same_path(
    store: Store,
    ctx: Work,
    lake: Lake,
) -> None:
    settings = Settings.model_validate(
        {"lake": "s3://market/files", "s3": {"endpoint_url": store.endpoint, "region": "us-east-1"}}
    )
    keys = {"aws_access_key_id": store.access_key, "aws_secret_access_key": store.secret_key}
    bucket = lake_of(settings, Secrets.model_validate(keys))
    create_tables(bucket)
    here = ctx()
    there = RunContext(here.settings, here.secrets, bucket, here.clock, "in-a-bucket")

    fetch_files(there, ONE)
    fetch_files(here, ONE)

    (stored,), (landed,) = landed_files(bucket), landed_files(lake)
    assert (stored.path, stored.file_id) == (landed.path, landed.file_id)
    client = store.client()
    body = client.get_object(Bucket="market", Key=f"files/{stored.path}")["Body"].read()
    assert body == (Path(lake.root) / landed.path).read_bytes()
    assert gzip.decompress(body).startswith(b"ticker,")

    gone = expire_files(bucket, NOW + timedelta(days=31), 30, lambda _: True)
    assert [file.path for file in gone.removed] == [stored.path]
    listed = client.list_objects_v2(Bucket="market", Prefix="files/landing/massive/day_aggs_v1/2010/08/2010")
    assert listed["KeyCount"] == 0
