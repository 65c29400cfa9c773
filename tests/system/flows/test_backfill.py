"""What Prefect shows of the flow `backfill`: its progress."""

from datetime import date

import pytest

from flows.backfill import backfill
from tests.builders.installation import Installation
from tests.system.flows.prefect_server import PrefectServer


@pytest.mark.usefixtures("environment")
def test_a_backfill_shows_its_progress(prefect_server: PrefectServer, here: Installation) -> None:
    state = backfill(
        date(2010, 8, 2),
        date(2010, 8, 13),
        ["daily", "intraday"],
        config_file=here.config,
        return_state=True,
    )
    assert state.name == "Completed"
    artifact = prefect_server.artifacts(state.state_details.flow_run_id)["backfill-progress"]
    assert (artifact["type"], artifact["data"]) == ("progress", 100.0)
