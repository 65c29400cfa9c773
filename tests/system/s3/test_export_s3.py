"""Exports to a real MinIO: objects whole, large ones in parts, refusals told, no secret shown."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from config.secrets import Secrets
from config.settings import S3Settings
from delta_tables.storage.lake import Lake
from flows.cli.errors import one_line
from serving.errors import ServingError
from serving.export.destination import target_for
from serving.export.formats import format_named
from serving.export.layouts import DAILY, INTRADAY, Layout, layout_named
from serving.export.local_target import ExportTarget, Write
from serving.export.manifest import MANIFEST_KEY
from serving.export.plan import plan_export
from serving.export.request import ExportRequest
from serving.export.run import export, export_replacing
from serving.export.s3_target import S3Bucket, s3_client
from tests.builders.export_lake import FIRST, exported, files, fill, many_bars
from tests.servers.minio import Store, needs_minio

pytestmark = needs_minio
SMALLEST_PART = 5 * 1024 * 1024  # of S3
LARGE = 2 * SMALLEST_PART + 1


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return fill(Lake(str(tmp_path_factory.mktemp("export") / "lake")))


def access(store: Store, **changes: str) -> tuple[S3Settings, Secrets]:
    keys = {"aws_access_key_id": store.access_key, "aws_secret_access_key": store.secret_key}
    settings = S3Settings.model_validate({"endpoint_url": changes.pop("endpoint", store.endpoint)})
    return settings, Secrets.model_validate(keys | changes)


def bucket(store: Store, to: str, layout: Layout = DAILY) -> S3Bucket:
    target = target_for(to, layout, *access(store))
    assert isinstance(target, S3Bucket)
    return replace(target, multipart_bytes=SMALLEST_PART, part_bytes=SMALLEST_PART)


def contents(target: S3Bucket) -> dict[str, bytes]:
    return {
        name: target.client.get_object(Bucket=target.bucket, Key=f"{target.prefix}/{name}")["Body"].read()
        for name in target.names()
    }


def uploads(target: S3Bucket) -> list[Any]:
    found = target.client.list_multipart_uploads(Bucket=target.bucket, Prefix=f"{target.prefix}/")
    return list(found.get("Uploads", ()))


@pytest.mark.parametrize(
    ("what", "file_format"), [("daily", "csv"), ("intraday", "json"), ("silver.bars", "parquet")]
)
def test_a_bucket_holds_the_same_objects_as_a_folder(
    filled: Lake,
    store: Store,
    tmp_path: Path,
    what: str,
    file_format: str,
) -> None:
    layout = layout_named(what)
    target = bucket(store, f"s3://market/exports/{file_format}/", layout)
    plan = plan_export(filled, layout, ExportRequest())
    summary = export(plan, target, format_named(file_format), threads=4)
    exported(filled, tmp_path, what, file_format)
    held = contents(target)
    assert held.pop(MANIFEST_KEY) == (tmp_path / layout.folder / MANIFEST_KEY).read_bytes()
    assert held == files(tmp_path / layout.folder)
    assert summary.total_bytes == sum(map(len, held.values()))
    assert summary.destination == f"s3://market/exports/{file_format}/{layout.folder}"


def test_a_large_object_goes_up_in_parts_and_comes_back_whole(store: Store) -> None:
    target = bucket(store, "s3://market/large")
    content = bytes(index % 251 for index in range(LARGE))
    stored = target.put("a/big.csv", "text/csv", _writer(content))
    assert (stored.size_bytes, stored.sha256) == (LARGE, hashlib.sha256(content).hexdigest())
    head = target.client.head_object(Bucket="market", Key="large/daily_ohlcv/a/big.csv")
    assert head["ETag"].endswith('-3"')
    assert (head["ContentType"], head["Metadata"]) == ("text/csv", {"sha256": stored.sha256})
    assert contents(target) == {"a/big.csv": content}
    target.put("a/big.csv", "text/csv", _writer(b"small"))
    head = target.client.head_object(Bucket="market", Key="large/daily_ohlcv/a/big.csv")
    assert "-" not in head["ETag"]


def test_an_export_of_many_bars_goes_up_in_parts(lake: Lake, store: Store) -> None:
    many_bars(lake, symbols=100, sessions=1, bars_a_session=390)
    layout = layout_named("silver.bars")
    target = bucket(store, "s3://market/many", layout)
    summary = export(plan_export(lake, layout, ExportRequest()), target, format_named("csv"), threads=2)
    key = f"many/silver_bars/year={FIRST:%Y}/month={FIRST:%m}/day={FIRST:%d}/data.csv"
    head = target.client.head_object(Bucket="market", Key=key)
    assert head["ContentLength"] == summary.total_bytes > SMALLEST_PART
    assert "-" in head["ETag"]


def test_an_upload_that_fails_leaves_no_object_and_no_parts(store: Store) -> None:
    target = bucket(store, "s3://market/broken")
    sent: list[int] = []

    def break_second_part(params: dict[str, Any], **_: Any) -> None:
        sent.append(params["PartNumber"])
        if params["PartNumber"] == 2:
            params["UploadId"] = "gone"

    target.client.meta.events.register("before-parameter-build.s3.UploadPart", break_second_part)
    with pytest.raises(
        ServingError, match=r"^s3://market/broken/daily_ohlcv: the store refused the request \(NoSuchUpload\)"
    ):
        target.put("a/big.csv", "text/csv", _writer(bytes(LARGE)))
    assert 2 in sent
    assert contents(target) == {}
    assert uploads(target) == []


def test_rows_that_cannot_be_read_leave_no_object_and_no_manifest(filled: Lake, store: Store) -> None:
    target = bucket(store, "s3://market/unread")

    def fail(sink: BinaryIO) -> int:
        sink.write(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        target.put("a/x.csv", "text/csv", fail)
    assert contents(target) == {}
    export(plan_export(filled, DAILY, ExportRequest()), target, format_named("csv"), threads=2)
    broken = replace(format_named("csv"), write=lambda _, sink: fail(sink))
    with pytest.raises(ZeroDivisionError):
        export(plan_export(filled, DAILY, ExportRequest()), target, broken, threads=2)
    assert MANIFEST_KEY not in contents(target)


def test_replacing_removes_what_the_export_does_not_have(filled: Lake, store: Store) -> None:
    target = bucket(store, "s3://market/replaced")
    export(plan_export(filled, DAILY, ExportRequest()), target, format_named("csv"), threads=2)
    target.put("2026-01-02/AAPL/notes.txt", "text/plain", _writer(b"mine"))
    few = plan_export(filled, DAILY, ExportRequest(symbols=("AAPL",)))
    assert export_replacing(few, target, format_named("csv"), threads=2).removed_objects == 3
    held = contents(target)
    named = [each["key"] for each in json.loads(held[MANIFEST_KEY])["objects"]]
    assert {*held} == {*named, MANIFEST_KEY, "2026-01-02/AAPL/notes.txt"}


@pytest.mark.parametrize(
    ("to", "changes", "said"),
    [
        ("s3://absent/x", {}, "s3://absent/x/intraday: there is no such bucket"),
        ("s3://market/x", {"aws_access_key_id": "CANARYKEYID77"}, "does not know the access key"),
        ("s3://market/x", {"aws_secret_access_key": "CANARYSECRET77"}, "secret key does not match"),
        ("s3://market/x", {"aws_session_token": "CANARYTOKEN77"}, "session token is not valid"),
        ("s3://A_b/x", {}, "not a valid bucket name|no such bucket|refused"),
        ("s3://market/x", {"endpoint": "http://127.0.0.1:9"}, "the store does not respond"),
    ],
)
def test_a_refusal_says_what_to_do_and_shows_no_secret(
    filled: Lake,
    store: Store,
    to: str,
    changes: dict[str, str],
    said: str,
) -> None:
    plan = plan_export(filled, INTRADAY, ExportRequest())
    target: ExportTarget = target_for(to, INTRADAY, *access(store, **changes))
    with pytest.raises(ServingError, match=said) as error:
        export(plan, target, format_named("csv"), threads=2)
    line = one_line(error.value)
    assert line == str(error.value)
    assert "CANARY" not in line
    assert store.secret_key not in line + repr(target)
    assert "CANARY" not in repr(target)


def test_without_credentials_the_error_names_the_variables(
    filled: Lake,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    settings = S3Settings.model_validate({"endpoint_url": store.endpoint})
    target = S3Bucket(s3_client(settings, Secrets(_env_file=None)), "market", "x")
    with pytest.raises(ServingError, match="no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        export(plan_export(filled, DAILY, ExportRequest()), target, format_named("csv"), threads=2)


def _writer(content: bytes) -> Write:
    def write(sink: BinaryIO) -> None:
        sink.write(content)

    return write
