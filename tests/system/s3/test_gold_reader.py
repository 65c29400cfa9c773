"""The stack's users of a real MinIO: `gold-reader` runs docs/sql.md, and is refused whatever else it asks."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from botocore.exceptions import ClientError
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from delta_tables.storage.lake import Lake
from infra.stack import setup_store
from tests.builders.gold_lake import ANSWER, fill
from tests.builders.sql_snippets import answer_of, make_root, run, snippet, snippets
from tests.servers.minio import Store, needs_minio

pytestmark = needs_minio
BUCKET = "lakehouse"
TABLE = "lake/gold/stock_overview"
SHOWN_ENDPOINT = "http://127.0.0.1:9000"


@dataclass(frozen=True)
class Gold:
    """A filled lake in the stack's bucket; `root` and `setup` are what a snippet of the page needs."""

    endpoint: str
    writer_secret: str
    reader_secret: str
    root: Path
    setup: str

    def client(self, user: str) -> Any:
        """The store as `lake-writer` or `gold-reader` sees it."""
        secret = {"lake-writer": self.writer_secret, "gold-reader": self.reader_secret}[user]
        return Store(self.endpoint, user, secret).client()

    def options(self) -> dict[str, str]:
        """The reader's options of delta-rs and Polars."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "gold-reader",
            "AWS_SECRET_ACCESS_KEY": self.reader_secret,
        }

    def objects(self) -> set[str]:
        """All objects of the bucket."""
        pages = self.client("lake-writer").get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return {each["Key"] for page in pages for each in page["Contents"]}


@pytest.fixture(scope="module")
def gold(store: Store, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Gold:
    folder = tmp_path_factory.mktemp("gold")
    writer, reader = secrets.token_hex(24), secrets.token_hex(24)
    environment = {
        "MINIO_ENDPOINT": store.endpoint.removeprefix("http://"),
        "MINIO_ROOT_USER": store.access_key,
        "MINIO_ROOT_PASSWORD": store.secret_key,
        "LAKE_BUCKET": BUCKET,
        "LAKE_WRITER_SECRET": writer,
        "GOLD_READER_SECRET": reader,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        setup_store.main()
    shown = snippet("setup", "bucket").text
    assert SHOWN_ENDPOINT in shown
    setup = shown.replace(SHOWN_ENDPOINT, store.endpoint)
    found = Gold(store.endpoint, writer, reader, make_root(folder / "root", reader), setup)
    _upload(found, fill(spark, Lake(str(folder / "lake"))))
    return found


def _upload(gold: Gold, lake: Lake) -> None:
    """The lake's files, put there by the user that may write: a Delta log names no absolute paths."""
    client = gold.client("lake-writer")
    folder = Path(lake.root)
    for file in folder.rglob("*"):
        if file.is_file():
            client.upload_file(str(file), BUCKET, f"lake/{file.relative_to(folder)}")


@pytest.mark.parametrize("name", [each.name for each in snippets("lake")])
def test_each_snippet_runs_with_the_readers_key(gold: Gold, name: str) -> None:
    done = run(snippet("lake", name), gold.setup, gold.root)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.parametrize("name", ["duckdb", "polars"])
def test_the_question_has_the_same_answer_as_in_a_folder(gold: Gold, name: str) -> None:
    assert answer_of(snippet("lake", name), gold.setup, gold.root) == ANSWER


def test_the_readers_write_is_refused_as_the_page_says(gold: Gold) -> None:
    before = gold.objects()
    done = run(snippet("bucket", "write-refused"), gold.setup, gold.root)
    assert (done.returncode, done.stdout) == (0, "refused: True True\n"), done.stderr
    assert gold.objects() == before


def test_the_readers_delete_of_rows_is_refused(gold: Gold) -> None:
    table = DeltaTable(f"s3://{BUCKET}/{TABLE}", storage_options=gold.options())
    version = table.version()
    with pytest.raises(Exception, match="403 Forbidden"):
        table.delete("symbol = 'AAPL'")
    assert DeltaTable(table.table_uri, storage_options=gold.options()).version() == version


def test_silver_cannot_be_read_with_the_readers_key(gold: Gold) -> None:
    silver = f"s3://{BUCKET}/lake/silver/bars"
    with pytest.raises(OSError, match="403 Forbidden"):
        DeltaTable(silver, storage_options=gold.options())
    with pytest.raises(OSError, match="403 Forbidden"):
        pl.scan_delta(silver, storage_options=gold.options()).collect()


def test_lakehouse_sql_says_that_the_readers_key_is_not_enough(gold: Gold) -> None:
    asked = replace(
        snippet("folder", "question"),
        text=f"export LAKEHOUSE_LAKE=$LAKE LAKEHOUSE_S3__ENDPOINT_URL={gold.endpoint}\n"
        ".venv/bin/lakehouse sql 'select count(*) from gold.stock_overview'",
    )
    done = run(asked, gold.setup, gold.root)
    assert done.returncode != 0
    assert "403 Forbidden: this command needs read access to the whole lake" in " ".join(done.stderr.split())
    assert gold.reader_secret not in done.stdout + done.stderr


Call = Callable[[Any, set[str]], object]
REFUSED: dict[str, Call] = {
    "put a new object": lambda store, _: store.put_object(Bucket=BUCKET, Key=f"{TABLE}/x", Body=b"x"),
    "overwrite a commit": lambda store, keys: store.put_object(
        Bucket=BUCKET, Key=one(keys, TABLE, ".json"), Body=b"{}"
    ),
    "delete a data file": lambda store, keys: store.delete_object(
        Bucket=BUCKET, Key=one(keys, TABLE, ".parquet")
    ),
    "begin an upload in parts": lambda store, _: store.create_multipart_upload(
        Bucket=BUCKET, Key=f"{TABLE}/x"
    ),
    "get a file of Silver": lambda store, keys: store.get_object(
        Bucket=BUCKET, Key=one(keys, "lake/silver/bars", ".parquet")
    ),
    "get a file of Bronze": lambda store, keys: store.get_object(
        Bucket=BUCKET, Key=one(keys, "lake/bronze/raw_payloads", ".parquet")
    ),
    "list Silver": lambda store, _: store.list_objects_v2(Bucket=BUCKET, Prefix="lake/silver/"),
    "list the whole bucket": lambda store, _: store.list_objects_v2(Bucket=BUCKET),
    "list what only begins like gold": lambda store, _: store.list_objects_v2(
        Bucket=BUCKET, Prefix="lake/golden"
    ),
    "read the bucket's policy": lambda store, _: store.get_bucket_policy(Bucket=BUCKET),
}


def one(keys: set[str], prefix: str, ending: str) -> str:
    """An object that is there: a refusal must not come of asking for one that is not."""
    return min(key for key in keys if key.startswith(prefix) and key.endswith(ending))


@pytest.mark.parametrize("asked", REFUSED)
def test_the_store_refuses_the_reader_and_changes_nothing(gold: Gold, asked: str) -> None:
    before = gold.objects()
    with pytest.raises(ClientError) as refusal:
        REFUSED[asked](gold.client("gold-reader"), before)
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert refusal.value.response["Error"]["Code"] == "AccessDenied"
    assert gold.objects() == before


def test_the_reader_may_do_with_gold_what_it_is_there_for(gold: Gold) -> None:
    """What is refused above is refused for its place, not because the key is wrong."""
    client, key = gold.client("gold-reader"), one(gold.objects(), TABLE, ".parquet")
    assert client.get_object(Bucket=BUCKET, Key=key)["Body"].read(4) == b"PAR1"
    assert client.list_objects_v2(Bucket=BUCKET, Prefix="lake/gold/")["KeyCount"] > 0


def test_the_writer_may_write_where_the_reader_may_not(gold: Gold) -> None:
    client = gold.client("lake-writer")
    client.put_object(Bucket=BUCKET, Key=f"{TABLE}/x", Body=b"x")
    assert f"{TABLE}/x" in gold.objects()
    client.delete_object(Bucket=BUCKET, Key=f"{TABLE}/x")
    assert f"{TABLE}/x" not in gold.objects()
