"""`make rotate`: the new secret holds, the old one is refused, and the stack that ran on works on."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import requests
from botocore.exceptions import ClientError

from tests.stack.running_stack import DEMO, PORTS, Stack

pytestmark = pytest.mark.disruptive

REFUSALS = {"SignatureDoesNotMatch", "AccessDenied", "InvalidAccessKeyId"}


def database_opens(stack: Stack, password: str) -> bool:
    """Whether PostgreSQL lets the server's user in, who comes from the network: it trusts who is within."""
    asked = ("psql", "--no-password", "--host", "postgres", "--username", "prefect", "--dbname", "prefect")
    told = ("env", f"PGPASSWORD={password}", *asked, "--command", "select 'let ' || 'in'")
    return "let in" in stack.inside("postgres", *told, check=False)


def store_opens(stack: Stack, secret: str) -> bool:
    try:
        replace(stack.store(), secret_key=secret).client().list_objects_v2(Bucket="lakehouse", MaxKeys=1)
    except ClientError as error:
        if error.response["Error"]["Code"] not in REFUSALS:
            raise
        return False
    return True


def api_opens(_stack: Stack, password: str) -> bool:
    url = f"http://127.0.0.1:{PORTS['PREFECT_PORT']}/api/admin/version"
    status = requests.get(url, auth=("lakehouse", password), timeout=30).status_code
    assert status in {200, 401}
    return status == 200


DOORS: dict[str, Callable[[Stack, str], bool]] = {
    "POSTGRES_PASSWORD": database_opens,
    "LAKE_WRITER_SECRET": store_opens,
    "PREFECT_API_PASSWORD": api_opens,
}


@pytest.fixture(scope="module")
def before(stack: Stack) -> dict[str, str]:
    """The secrets that were exchanged, while the stack ran, as they were before."""
    old = {name: stack.secret(name) for name in DOORS}
    for name, opens in DOORS.items():
        assert opens(stack, old[name]), name
        said = stack.make("rotate", f"NAME={name}")
        assert stack.api("GET", "admin/version")
        assert old[name] not in said
        assert stack.secret(name) not in said
    return old


@pytest.mark.parametrize("name", DOORS)
def test_the_new_secret_opens_and_the_old_one_does_not(
    stack: Stack, before: dict[str, str], name: str
) -> None:
    assert stack.secret(name) != before[name]
    assert DOORS[name](stack, stack.secret(name))
    assert not DOORS[name](stack, before[name])


def test_no_secret_of_before_or_after_is_in_a_log(stack: Stack, before: dict[str, str]) -> None:
    logs = stack.compose("logs", "--no-color")
    assert [name for name in DOORS if before[name] in logs or stack.secret(name) in logs] == []


@pytest.mark.usefixtures("before")
def test_a_build_completes_with_the_new_secrets(stack: Stack) -> None:
    asked = {"start": "2010-08-18", "end": "2010-08-20", "datasets": ["daily"]}
    run = stack.ended(
        stack.start("backfill/on-demand", asked, {**DEMO, "LAKEHOUSE_LAKE": "s3://lakehouse/rotated"})
    )
    assert run.state_type == "COMPLETED", (run, stack.logs_of(run.id)[-4000:])
    assert any(key.endswith(".parquet") for key in stack.keys("rotated/silver/bars/"))
