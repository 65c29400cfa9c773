"""A command's process needs no Prefect, leaves no process behind, and is not disturbed by its environment."""

import re
import shutil
from pathlib import Path

import pytest

from delta_tables.storage.lake import Lake
from tests.builders.installation import Installation
from tests.builders.lakes import hashes
from tests.builders.processes import start_command, start_still_command

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("environment")]

NOBODY = "127.0.0.1:9"
PROXY, SOCKS = f"http://{NOBODY}", f"socks5h://{NOBODY}"
NO_PROXY_RANGES = {"NO_PROXY": "::1,fd00::/8", "no_proxy": "::1,fd00::/8"}
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "http proxy": {name: PROXY for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")},
    "socks proxy": {"ALL_PROXY": SOCKS, "all_proxy": SOCKS, "HOME": "/proc/nowhere"},
}


@pytest.mark.parametrize("command", ["build", "replay", "rebuild-gold", "maintain", "status"])
def test_no_command_imports_prefect_and_none_leaves_a_process(full: Installation, command: str) -> None:
    under_way = start_command(full, command, options=("-X", "importtime"))
    ended = under_way.ended()
    assert ended.code == 0, ended.error[-2000:]
    imported = set(re.findall(r"^import time:.*\| +(\w+)", ended.error, re.MULTILINE))
    assert {"flows", "typer"} <= imported
    assert "prefect" not in imported
    assert under_way.processes_left() == []


@pytest.mark.parametrize("variables", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_proxies_and_an_unwritable_home_do_not_disturb_a_run(
    here: Installation, filled: Path, variables: dict[str, str]
) -> None:
    ended = start_still_command(here, "run", environ={**NO_PROXY_RANGES, **variables}).ended(120)
    assert (ended.code, ended.error) == (0, "")
    assert hashes(here.lake) == hashes(Lake(str(filled)))
    shutil.rmtree(f"{here.lake.root}/gold")
    ended = start_still_command(here, "build", environ={**NO_PROXY_RANGES, **variables}).ended(120)
    assert (ended.code, ended.error) == (0, "")
    assert hashes(here.lake) == hashes(Lake(str(filled)))
