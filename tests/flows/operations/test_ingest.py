"""What a run checks before it requests anything: its tables, lake, clock and keys."""

from pathlib import Path

import pytest

from config.load import ConfigError
from delta_tables.storage.lake import LakeError
from flows.ingestion.source import FetchRequest
from flows.operations.ingest import ingest_all
from jobs.runs.run_context import CHECKS, open_run_context
from tests.builders.installation import Installation, install


def test_a_new_run_has_all_tables_and_the_projects_checks(here: Installation) -> None:
    ctx = open_run_context(here.config)
    assert set(here.versions().values()) == {0}
    assert ctx.checks == CHECKS
    assert (CHECKS / "silver_bars.yml").is_file()


@pytest.mark.usefixtures("environment")
def test_a_lake_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("not a folder")
    with pytest.raises(LakeError, match="may not be written"):
        open_run_context(install(tmp_path, "http://127.0.0.1:9/query").config)


def test_a_lake_filled_under_one_clock_refuses_data_of_another(here: Installation) -> None:
    ctx = open_run_context(here.config)
    assert ingest_all(ctx, ()) == []
    other = install(here.folder, "http://127.0.0.1:9/query", now="2010-08-19T22:30:00+00:00")
    with pytest.raises(ConfigError, match="filled under another clock"):
        ingest_all(open_run_context(other.config), ())


def test_a_run_that_has_no_key_sets_no_clock(here: Installation, environment: pytest.MonkeyPatch) -> None:
    environment.delenv("ALPHAVANTAGE_API_KEY")
    with pytest.raises(ConfigError, match="ALPHAVANTAGE_API_KEY is not set"):
        ingest_all(open_run_context(here.config), (FetchRequest("alphavantage", "daily"),))
    environment.setenv("ALPHAVANTAGE_API_KEY", "a-key-of-nobody")
    other = install(here.folder, "http://127.0.0.1:9/query", now="2010-08-19T22:30:00+00:00")
    assert ingest_all(open_run_context(other.config), ()) == []
