"""`lakehouse doctor` examines every provider in use, including providers of flat files."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from rich.console import Console

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from flows.cli.context import CliContext
from flows.cli.maintenance import doctor

NOW = datetime(2010, 8, 20, 22, 30, tzinfo=UTC)
KEYS = {name: SecretStr("a-key-of-nobody") for name in ("massive_access_key_id", "massive_secret_access_key")}


@pytest.fixture(autouse=True)
def without_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests examine the engine; its start takes longer than all these tests together."""
    monkeypatch.setattr(doctor, "_engine", lambda _: "not looked at")


def found(folder: Path, providers: dict[str, Any], **keys: SecretStr) -> dict[str, str]:
    """What the doctor finds, by subject, with these keys and no others."""
    settings = Settings.model_validate(
        {"state_dir": folder / "state", "providers": {"alphavantage": {"datasets": []}, **providers}}
    )
    none = dict.fromkeys(Secrets.model_fields)
    secrets = Secrets.model_validate({**none, **keys})
    here = CliContext(settings, secrets, Lake(str(folder / "lake")), False, Console(), lambda: NOW)
    return {each.what: each.found for each in doctor.examine(here)}


def test_flat_files_without_their_keys_are_named(tmp_path: Path) -> None:
    said = found(tmp_path, {"massive": {"datasets": ["trades_v1"]}})
    assert "fetches from massive" in said["settings"]
    assert "MASSIVE_ACCESS_KEY_ID and MASSIVE_SECRET_ACCESS_KEY are not both set" in said["secrets"]


def test_flat_files_with_their_keys_lack_nothing(tmp_path: Path) -> None:
    said = found(tmp_path, {"massive": {"datasets": ["trades_v1"]}}, **KEYS)
    assert said["secrets"] == "none is missing to fetch from massive"


@pytest.mark.parametrize(
    ("plan", "said"),
    [("public", "none is missing to fetch from coingecko"), ("demo", "COINGECKO_API_KEY is not set")],
)
def test_a_key_is_missing_only_on_plans_that_need_it(tmp_path: Path, plan: str, said: str) -> None:
    assert said in found(tmp_path, {"coingecko": {"plan": plan, "datasets": ["markets"]}})["secrets"]


def test_before_the_first_lake_the_doctor_is_not_well_and_creates_no_table(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state")
    lake = Lake(str(tmp_path / "lake"))
    here = CliContext(settings, Secrets(_env_file=None), lake, False, Console(), lambda: NOW)
    (tables,) = [each for each in doctor.examine(here) if not each.is_well]
    assert tables.what == "tables"
    assert tables.found.startswith(f"no lake yet at {lake.root}: ")
    assert "`lakehouse run`" in tables.found
    assert not Path(lake.root).exists()
    create_tables(lake)
    assert all(each.is_well for each in doctor.examine(here))
