"""Secrets come from the environment or .env, and are shown to nobody."""

from pathlib import Path

import pytest

from config.secrets import Secrets, load_secrets


@pytest.fixture(autouse=True)
def _no_secret_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Secrets.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def env_file(folder: Path, text: str) -> Path:
    file = folder / ".env"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_key_is_read_from_the_env_file(tmp_path: Path) -> None:
    secrets = load_secrets(env_file(tmp_path, "ALPHAVANTAGE_API_KEY=CANARY7KEY\n"))
    assert secrets.values() == ("CANARY7KEY",)


def test_the_environment_goes_before_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPHAVANTAGE_API_KEY", "OF-THE-ENVIRONMENT")
    secrets = load_secrets(env_file(tmp_path, "ALPHAVANTAGE_API_KEY=OF-THE-FILE\n"))
    assert secrets.values() == ("OF-THE-ENVIRONMENT",)


def test_without_a_file_and_a_variable_there_are_no_secrets(tmp_path: Path) -> None:
    assert load_secrets(tmp_path / ".env").values() == ()


def test_an_empty_line_as_in_the_example_is_no_secret(tmp_path: Path) -> None:
    assert load_secrets(env_file(tmp_path, "ALPHAVANTAGE_API_KEY=\n")).alphavantage_api_key is None


def test_other_lines_of_the_env_file_do_no_harm(tmp_path: Path) -> None:
    assert load_secrets(env_file(tmp_path, "LAKEHOUSE_LAKE=x\nOTHER=1\n")).values() == ()


def test_a_secret_is_not_shown_when_printed(tmp_path: Path) -> None:
    secrets = load_secrets(env_file(tmp_path, "AWS_SECRET_ACCESS_KEY=CANARY7KEY\n"))
    assert "CANARY7KEY" not in f"{secrets} {secrets!r} {secrets.model_dump()} {secrets.model_dump_json()}"


def test_a_file_of_the_secrets_folder_is_read_last_and_may_be_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRETS_FOLDER", str(tmp_path))
    (tmp_path / "ALPHAVANTAGE_API_KEY").write_text("OF-ITS-FILE\n", encoding="utf-8")
    (tmp_path / "COINGECKO_API_KEY").write_text("\n", encoding="utf-8")
    found = load_secrets(tmp_path / ".env")
    assert (found.values(), found.coingecko_api_key) == (("OF-ITS-FILE",), None)
    monkeypatch.setenv("ALPHAVANTAGE_API_KEY", "OF-THE-ENVIRONMENT")
    assert load_secrets(tmp_path / ".env").values() == ("OF-THE-ENVIRONMENT",)
    monkeypatch.setenv("SECRETS_FOLDER", str(tmp_path / "absent"))
    assert load_secrets(tmp_path / ".env").values() == ("OF-THE-ENVIRONMENT",)
