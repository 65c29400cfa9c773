"""The bucket's lifecycle, on a real MinIO, which does not know all rules, and on a store that knows them."""

import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from minio.credentials.providers import StaticProvider
from minio.minioadmin import MinioAdmin

from config.settings import MassiveSettings
from delta_tables.storage.lake import LakeError
from infra.stack.lifecycle import (
    BACKSTOP_DAYS,
    EXPIRY,
    MOVES,
    UPLOADS,
    apply,
    backstop_days,
    lifecycle_rules,
    set_lifecycle,
)
from infra.stack.setup_store import set_user, writer_policy
from tests.servers.minio import Store, needs_minio

ROOT = Path(__file__).resolve().parents[3]
ANOTHERS = {
    "ID": "somebody-elses",
    "Status": "Enabled",
    "Filter": {"Prefix": "reports/"},
    "Expiration": {"Days": 7},
}


class KnowingStore:
    """A store that takes every rule, as AWS does."""

    def __init__(self, rules: list[dict[str, Any]]) -> None:
        self.rules = rules

    def get_bucket_lifecycle_configuration(self, **_of: str) -> dict[str, Any]:
        """The rules in force."""
        return {"Rules": self.rules}

    def put_bucket_lifecycle_configuration(self, **given: Any) -> None:
        """Takes these in the place of all others, as the real one does."""
        self.rules = given["LifecycleConfiguration"]["Rules"]


@pytest.fixture
def bucket(store: Store) -> str:
    """A bucket of the test's own."""
    name = f"bucket-{secrets.token_hex(4)}"
    store.client().create_bucket(Bucket=name)
    return name


def in_force(there: Store, name: str) -> dict[str, tuple[str, int]]:
    """Prefix and days of each rule that expires something, by its ID, as the store tells them."""
    rules = there.client().get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    return {each["ID"]: (each["Filter"]["Prefix"], each["Expiration"]["Days"]) for each in rules}


def test_a_landed_file_outlives_the_flows_retention_by_far_and_for_ever_where_it_is_kept_for_ever() -> None:
    assert BACKSTOP_DAYS >= 400
    assert 10 * MassiveSettings().retention_days < BACKSTOP_DAYS
    assert [backstop_days(days) for days in (0, 1, 30, 90, 1000)] == [None, 400, 400, 400, 2000]
    assert EXPIRY not in {rule["ID"] for rule in lifecycle_rules("lake/", 0)}


def test_incomplete_uploads_end_in_the_whole_bucket_by_a_rule_of_their_own() -> None:
    (uploads,) = [rule for rule in lifecycle_rules("lake/", 30) if "AbortIncompleteMultipartUpload" in rule]
    assert uploads["Filter"] == {"Prefix": ""}
    assert set(uploads) == {"ID", "Status", "Filter", "AbortIncompleteMultipartUpload"}


def test_a_store_that_knows_all_rules_gets_all_and_keeps_those_of_others() -> None:
    there = KnowingStore([ANOTHERS, {**ANOTHERS, "ID": EXPIRY}])
    rules = lifecycle_rules("lake/", 30)
    assert set_lifecycle(there, "any", rules) == []
    assert there.rules == [ANOTHERS, *rules]
    prefixes = {rule["ID"]: rule["Filter"]["Prefix"] for rule in rules}
    assert prefixes == {UPLOADS: "", MOVES: "lake/bronze/", EXPIRY: "lake/landing/"}


@needs_minio
def test_minio_takes_the_expiry_and_is_known_to_refuse_the_rest(store: Store, bucket: str) -> None:
    refusals = []
    for rule in lifecycle_rules("lake/", 30):
        try:
            rules = {"Rules": [rule]}
            store.client().put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=rules)
        except ClientError:
            refusals.append(rule["ID"])
    assert refusals == [UPLOADS, MOVES]

    found = apply(store.lake(f"{bucket}/lake"), 30)
    assert in_force(store, bucket) == {EXPIRY: ("lake/landing/", 400)}
    assert found == (
        f"bucket {bucket}: landing-expires (400 days); not supported by this store: "
        "bronze-cools-down, incomplete-uploads-end"
    )


def test_where_minio_knows_no_rule_for_incomplete_uploads_its_server_ends_them_after_the_same_time() -> None:
    (uploads,) = [rule for rule in lifecycle_rules("", 30) if rule["ID"] == UPLOADS]
    hours = 24 * uploads["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
    image = (ROOT / "infra/minio/Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"MINIO_API_STALE_UPLOADS_EXPIRY=(\d+)h", image) == [str(hours)]


@needs_minio
def test_what_others_set_stays_and_what_we_set_follows_the_settings(store: Store, bucket: str) -> None:
    client = store.client()
    old = {**ANOTHERS, "ID": EXPIRY, "Filter": {"Prefix": "landing/"}}
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [ANOTHERS, old]}
    )
    lake = store.lake(bucket)
    anothers = {"somebody-elses": ("reports/", 7)}
    apply(lake, 300)
    assert in_force(store, bucket) == anothers | {EXPIRY: ("landing/", 600)}
    apply(lake, 0)
    assert in_force(store, bucket) == anothers


@needs_minio
def test_files_kept_for_ever_leave_a_bucket_of_minio_without_a_rule(store: Store, bucket: str) -> None:
    lake = store.lake(f"{bucket}/lake")
    apply(lake, 30)
    assert apply(lake, 0).startswith(f"bucket {bucket}: no rule; not supported by this store: ")
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        in_force(store, bucket)


@needs_minio
def test_a_key_that_may_not_change_the_bucket_is_refused_and_nothing_changes(
    store: Store, bucket: str
) -> None:
    apply(store.lake(f"{bucket}/lake"), 30)
    host = store.endpoint.removeprefix("http://")
    admin = MinioAdmin(
        endpoint=host, credentials=StaticProvider(store.access_key, store.secret_key), secure=False
    )
    writer = Store(store.endpoint, "a-writer", secrets.token_hex(16))
    set_user(admin, writer.access_key, writer.secret_key, writer_policy(bucket))
    with pytest.raises(LakeError, match=r"was not changed .*AccessDenied.*s3:PutLifecycleConfiguration"):
        apply(writer.lake(f"{bucket}/lake"), 90)
    assert in_force(store, bucket) == {EXPIRY: ("lake/landing/", 400)}


@needs_minio
def test_a_bucket_that_is_not_there_is_no_matter_of_the_key(store: Store) -> None:
    with pytest.raises(
        LakeError, match=r"was not changed .*NoSuchBucket.*; check that the store responds"
    ) as found:
        apply(store.lake("no-such-bucket/lake"), 30)
    assert "key" not in str(found.value)


def run_command(
    environment: dict[str, str], module: str = "infra.stack.lifecycle"
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", module]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)


@needs_minio
def test_the_command_sets_any_bucket_from_the_settings_alone(store: Store, bucket: str) -> None:
    done = run_command(
        {
            "LAKEHOUSE_LAKE": f"s3://{bucket}/a/lake",
            "LAKEHOUSE_S3__ENDPOINT_URL": store.endpoint,
            "LAKEHOUSE_PROVIDERS__MASSIVE__RETENTION_DAYS": "500",
            "AWS_ACCESS_KEY_ID": store.access_key,
            "AWS_SECRET_ACCESS_KEY": store.secret_key,
        }
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"bucket {bucket}: landing-expires (1000 days)")
    assert in_force(store, bucket) == {EXPIRY: ("a/lake/landing/", 1000)}


def test_the_command_says_that_the_lake_must_be_in_a_bucket() -> None:
    done = run_command({"LAKEHOUSE_LAKE": "a-folder"})
    assert done.returncode == 1
    assert "the lake must be in a bucket, but it is the folder" in done.stderr
    assert "LAKEHOUSE_LAKE=s3://bucket/prefix" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_stacks_setup_touches_no_store_while_it_cannot_read_the_settings_of_the_flows() -> None:
    nobody = {"MINIO_ENDPOINT": "127.0.0.1:9", "MINIO_ROOT_USER": "root", "MINIO_ROOT_PASSWORD": "secret"}
    done = run_command(
        {**nobody, "LAKE_BUCKET": "lakehouse", "LAKEHOUSE_CONFIG": "/settings/mine.toml"},
        "infra.stack.setup_store",
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("store-setup: /settings/mine.toml: cannot read the settings ")
    assert "the store was not changed" in done.stderr
