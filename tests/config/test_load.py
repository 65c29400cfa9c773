"""Settings are typed, overridable, and refused in one line that says what would do."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from config.load import ConfigError, known_paths, load_settings, variable_name
from config.settings import Provider, Providers, Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "lakehouse.toml"


def settings_of(file: Path, text: str, **environ: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load_settings(environ, file)


def refusal(file: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        settings_of(file, text, **environ)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["lakehouse.toml", "demo.toml"])
def test_the_settings_files_of_the_project_load(name: str) -> None:
    settings = load_settings({}, ROOT / "config" / name)
    assert "AAPL" in settings.watch_list.stocks
    assert settings.engine == "embedded"


def test_only_the_demo_runs_as_if_it_were_another_time() -> None:
    assert load_settings({}, ROOT / "config/lakehouse.toml").simulated_now is None
    assert load_settings({}, ROOT / "config/demo.toml").simulated_now is not None


@pytest.fixture(autouse=True)
def folder_of_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The working folder is that of the settings file."""
    monkeypatch.chdir(tmp_path)


def test_an_empty_file_gives_the_defaults(written: Path) -> None:
    assert settings_of(written, "") == Settings()


def test_without_any_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings({}) == Settings()


def test_the_file_of_the_working_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "lakehouse.toml").write_text('lake = "pond"', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_settings({}).lake == "pond"


def test_a_variable_names_another_file_and_an_argument_goes_before_it(tmp_path: Path) -> None:
    named, given = tmp_path / "named.toml", tmp_path / "given.toml"
    named.write_text('lake = "named"', encoding="utf-8")
    given.write_text('lake = "given"', encoding="utf-8")
    environ = {"LAKEHOUSE_CONFIG": str(named)}
    assert load_settings(environ).lake == "named"
    assert load_settings(environ, given).lake == "given"


def test_a_variable_overrides_the_file_and_the_other_keys_of_the_section_stay(written: Path) -> None:
    text = "[signals]\npe_ratio_threshold = 40.0\nvolume_spike_window_sessions = 10\n"
    signals = settings_of(written, text, LAKEHOUSE_SIGNALS__PE_RATIO_THRESHOLD="30").signals
    assert (signals.pe_ratio_threshold, signals.volume_spike_window_sessions) == (30.0, 10)


def test_a_list_is_given_to_a_variable_as_json(written: Path) -> None:
    settings = settings_of(written, "", LAKEHOUSE_WATCH_LIST__STOCKS='["AAPL", "BRK.B"]')
    assert settings.watch_list.stocks == ("AAPL", "BRK.B")


def test_a_text_may_or_may_not_be_quoted(written: Path) -> None:
    assert settings_of(written, "", LAKEHOUSE_ENGINE="spark").engine == "spark"
    assert settings_of(written, "", LAKEHOUSE_LAKE="s3://bucket/lake").lake == "s3://bucket/lake"


def test_the_provider_order_can_name_exactly_the_providers_with_settings() -> None:
    assert set(get_args(Provider)) == set(Providers.model_fields)


def test_a_renamed_key_is_accepted_under_its_old_name(written: Path) -> None:
    text = "as_if_at = 2010-08-20T22:30:00Z\n[completeness]\nenough_bars_pct = 50\nreask_pause_minutes = 5\n"
    old = settings_of(written, text)
    assert old.simulated_now is not None
    assert (old.completeness.min_bars_pct, old.completeness.refetch_cooldown_minutes) == (50.0, 5)
    overridden = settings_of(written, text, LAKEHOUSE_COMPLETENESS__ENOUGH_BARS_PCT="70")
    assert overridden.completeness.min_bars_pct == 70.0
    new = text.replace("enough_bars_pct", "min_bars_pct")
    overridden = settings_of(written, new, LAKEHOUSE_COMPLETENESS__ENOUGH_BARS_PCT="70")
    assert overridden.completeness.min_bars_pct == 70.0


def test_a_key_under_both_its_names_is_refused(written: Path) -> None:
    text = "[completeness]\nenough_bars_pct = 50\nmin_bars_pct = 60\n"
    assert "unknown key `completeness.enough_bars_pct`" in refusal(written, text)


def test_other_variables_are_left_alone(written: Path) -> None:
    assert settings_of(written, "", PATH="/bin", LAKE="x", lakehouse_lake="x") == Settings()


def test_what_the_stack_reads_out_of_the_same_env_file_is_no_setting(written: Path) -> None:
    assert settings_of(written, "", LAKEHOUSE_PROFILE="demo") == Settings()
    assert "unknown key `profiles`" in refusal(written, "", LAKEHOUSE_PROFILES="demo")


def test_settings_are_frozen(written: Path) -> None:
    settings = settings_of(written, "")
    with pytest.raises(ValidationError, match="frozen"):
        settings.lake = "other"  # type: ignore[misc]  # that it is refused is the point


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[signals]\npe_ratio_treshold = 30\n", "signals.pe_ratio_threshold"),
        ('lakes = "x"', "lake"),
        ("[providers.alphavantage]\ntimeout = 5\n", "providers.alphavantage.timeout_seconds"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_name(written: Path, text: str, wanted: str) -> None:
    message = refusal(written, text)
    assert "unknown key" in message
    assert f"did you mean `{wanted}`?" in message
    assert str(written) in message


def test_an_unknown_section_is_refused_with_a_key_of_the_nearest_one(written: Path) -> None:
    assert "did you mean `watch_list." in refusal(written, '[watchlist]\nstocks = ["AAPL"]\n')


def test_an_unknown_variable_is_refused_with_the_nearest_known_name(written: Path) -> None:
    message = refusal(written, "", LAKEHOUSE_SIGNALS__PE_RATIO_TRESHOLD="30")
    assert "LAKEHOUSE_SIGNALS__PE_RATIO_TRESHOLD" in message
    assert "did you mean `signals.pe_ratio_threshold`?" in message


def test_every_mistake_is_named_at_once(written: Path) -> None:
    message = refusal(written, 'lakes = "x"\nengine = "duck"\n')
    assert "`lakes`" in message
    assert "`engine`" in message


def test_a_variable_that_makes_a_value_a_section_is_refused(written: Path) -> None:
    message = refusal(written, 'lake = "x"', LAKEHOUSE_LAKE__ROOT="y")
    assert message.startswith("LAKEHOUSE_LAKE__ROOT: `lake` is a value, not a section")


@pytest.mark.parametrize(
    "symbol", ["../x", "/etc/passwd", "a'b", 'a"b', "a;b", "a b", "", "-rf", "A\nB", "A\n", "é", "A" * 10_000]
)
def test_a_hostile_symbol_is_refused_and_not_repeated_at_length(written: Path, symbol: str) -> None:
    written.write_text("", encoding="utf-8")
    escaped = symbol.encode("unicode_escape").decode().replace('"', '\\"').replace("\\xe9", "é")
    message = refusal(written, f'[watch_list]\nstocks = ["AAPL", "{escaped}"]\n')
    assert "`watch_list.stocks.1`" in message
    assert len(message) < 600


@pytest.mark.parametrize(
    "symbol", ["AAPL", "BRK.B", "BRK-B", "^GSPC", "EURUSD=X", "X:BTCUSD", "RELIANCE.BSE", "3M"]
)
def test_the_spellings_that_providers_use_are_taken(written: Path, symbol: str) -> None:
    settings = settings_of(written, f'[watch_list]\nstocks = ["{symbol}"]\n')
    assert settings.watch_list.stocks == (symbol,)


@pytest.mark.parametrize(
    "key", ["alphavantage_api_key", "ALPHAVANTAGE_API_KEY", "aws_secret_access_key", "password", "api_token"]
)
def test_a_secret_in_the_file_is_refused_and_its_value_is_not_shown(written: Path, key: str) -> None:
    message = refusal(written, f'{key} = "CANARY7KEY"')
    assert "give secrets in the environment or in .env only" in message
    assert "CANARY7KEY" not in message


def test_a_secret_in_a_section_or_a_variable_is_refused_too(written: Path) -> None:
    for message in (
        refusal(written, '[providers.alphavantage]\napi_key = "CANARY7KEY"'),
        refusal(written, "", LAKEHOUSE_PROVIDERS__ALPHAVANTAGE__API_KEY="CANARY7KEY"),
    ):
        assert "looks like a secret" in message
        assert "CANARY7KEY" not in message


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('engine = "duckdb"', "engine"),
        ('lake = ""', "lake"),
        ('intervals = ["2min"]', "intervals.0"),
        ("[signals]\npe_ratio_threshold = 0\n", "signals.pe_ratio_threshold"),
        ("[signals]\nvolatility_window_sessions = 2\n", "signals.volatility_window_sessions"),
        ("[signals]\nvolume_spike_window_sessions = 20.5\n", "signals.volume_spike_window_sessions"),
        ("[providers.alphavantage]\nthreads = 0\n", "providers.alphavantage.threads"),
        ('[providers.alphavantage]\nbase_url = "file:///etc/passwd"\n', "providers.alphavantage.base_url"),
        ('[spark]\ndriver_memory = "4g --class Evil"\n', "spark.driver_memory"),
        ('watch_list = "AAPL"', "watch_list"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_with_its_place(written: Path, text: str, path: str) -> None:
    message = refusal(written, text)
    assert f"`{path}`" in message
    assert variable_name(path) in message
    assert "found" in message


@pytest.mark.parametrize("text", ["lake = ", "not toml at all", "[signals\n", 'lake = "a"\nlake = "b"\n'])
def test_a_file_that_is_no_toml_is_refused(written: Path, text: str) -> None:
    assert refusal(written, text).startswith(f"{written}: not TOML: ")


def test_a_file_that_is_no_text_is_refused(written: Path) -> None:
    written.write_bytes(b"\xff\xfe\x00lake")
    with pytest.raises(ConfigError, match="not TOML"):
        load_settings({}, written)


def test_a_missing_file_that_was_asked_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot read the settings"):
        load_settings({}, tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match="cannot read the settings"):
        load_settings({"LAKEHOUSE_CONFIG": str(tmp_path)})


def test_every_leaf_of_the_settings_is_a_known_path() -> None:
    paths = list(known_paths())
    assert {"lake", "signals.pe_ratio_threshold", "providers.alphavantage.plan", "spark.remote"} <= set(paths)
    assert len(paths) == len(set(paths))
    assert variable_name("signals.pe_ratio_threshold") == "LAKEHOUSE_SIGNALS__PE_RATIO_THRESHOLD"
