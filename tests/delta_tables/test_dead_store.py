"""With a store that is down or hangs, each of our clients fails within a minute."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa
import pytest
from botocore.exceptions import BotoCoreError
from deltalake import write_deltalake

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake, LakeError, lake_of
from delta_tables.storage.lease import lease
from delta_tables.storage.object_store import create_winners, store_client
from delta_tables.tables.silver import BARS
from tests.servers.silent_store import silent_store

LIMIT_SECONDS = 60.0
NOBODY = "http://127.0.0.1:9"


def lake_at(endpoint: str) -> Lake:
    settings = Settings.model_validate({"lake": "s3://market/lake", "s3": {"endpoint_url": endpoint}})
    return lake_of(settings, Secrets.model_validate({"aws_access_key_id": "a", "aws_secret_access_key": "b"}))


def take_lease(lake: Lake) -> None:
    with lease(lake, "build"):
        pass


def append(lake: Lake) -> None:
    write_deltalake(lake.uri(BARS), pa.table({"a": [1]}), mode="append", storage_options=dict(lake.options))


def read_object(lake: Lake) -> None:
    store, root = lake.file_system()
    store.open_input_file(f"{root}/some.csv.gz").read()


CLIENTS: dict[str, tuple[Callable[[Lake], object], type[Exception]]] = {
    "delta-rs opens": (lambda lake: open_table(lake, BARS), LakeError),
    "delta-rs appends": (append, OSError),
    "arrow lists": (lambda lake: lake.drop_staging(), LakeError),
    "arrow reads": (read_object, OSError),
    "boto3 lists": (lambda lake: store_client(lake).list_objects_v2(Bucket="market"), BotoCoreError),
    "the lease": (take_lease, LakeError),
    "the probe": (create_winners, LakeError),
}
# what a client may say of it
REASONS = {"hanging": r"(?i)time(d )?out", "refused": r"(?i)connection refused|could(n't| not) connect"}
Outcome = tuple[float, Exception | None]


def seconds_until_failed(client: Callable[[Lake], object], lake: Lake) -> Outcome:
    began = time.monotonic()
    try:
        client(lake)
    except Exception as error:
        return time.monotonic() - began, error
    return time.monotonic() - began, None


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[tuple[str, str], "Future[Outcome]"]]:
    """What becomes of each client at each store; all wait at the same time."""
    with silent_store() as hanging, ThreadPoolExecutor(2 * len(CLIENTS)) as pool:
        stores = {"hanging": hanging, "refused": NOBODY}
        yield {
            (how, name): pool.submit(seconds_until_failed, client, lake_at(endpoint))
            for name, (client, _) in CLIENTS.items()
            for how, endpoint in stores.items()
        }


@pytest.mark.system
@pytest.mark.parametrize("how", ["hanging", "refused"])
@pytest.mark.parametrize("name", CLIENTS)
def test_a_dead_store_fails_within_a_minute(
    outcomes: dict[tuple[str, str], "Future[Outcome]"], how: str, name: str
) -> None:
    seconds, error = outcomes[how, name].result()
    assert seconds < LIMIT_SECONDS
    _, wanted = CLIENTS[name]
    assert isinstance(error, wanted)
    assert re.search(REASONS[how], str(error))
    if wanted is LakeError:
        assert lake_at(NOBODY).root in str(error)


def test_a_store_that_is_away_is_no_reason_to_restore_a_table() -> None:
    with pytest.raises(LakeError) as told:
        open_table(lake_at(NOBODY), BARS)
    assert "silver.bars: the store does not answer for s3a://market/lake/silver/bars" in str(told.value)
    assert "Connection refused" in str(told.value)
    assert "restore" not in str(told.value)
    assert "\n" not in str(told.value)
