"""`lakehouse maintain` compacts the tables and shows the storage by layer."""

import json

from tests.builders.command_line import Cli
from tests.builders.installation import Installation


def test_the_command_maintains_and_shows_the_storage_by_layer(full: Installation, cli: Cli) -> None:
    ended = cli("--config", full.config, "--json", "maintain")
    assert ended.code == 0, ended.error
    told = json.loads(ended.out)
    layers = {row["layer"]: row for row in told["layers"]}
    assert list(layers) == ["bronze", "silver", "gold", "ops", "landing"]
    assert layers["silver"]["rows"] > 1000
    assert layers["ops"]["files before"] > layers["ops"]["files"] > 0
    assert next(row for row in told["tables"] if row["table"] == "ops.runs")["files"] == 1
    shown = cli("--config", full.config, "maintain")
    assert shown.code == 0, shown.error
    assert "bronze" in shown.out
    assert "kB" in shown.out
