"""The settings: one frozen tree, built once at an entry point and handed down in parts."""

from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
    model_validator,
)

from config.paths import expanded, usable_lake, usable_path

Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9^][A-Za-z0-9.\-^=:]{0,23}$")]
Interval = Literal["1min", "5min", "15min", "30min", "60min"]
Coin = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,12}-[A-Z]{3,5}(=[a-z0-9-]{1,60})?$")]
Engine = Literal["embedded", "spark"]
Plan = Literal["free", "premium", "premium_150", "premium_300", "premium_600", "premium_1200", "unmetered"]

LakePlace = Annotated[str, StringConstraints(min_length=1), AfterValidator(usable_lake)]
FilePath = Annotated[Path, AfterValidator(lambda path: expanded(usable_path(str(path))))]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WatchList(_Part):
    """What is fetched: every stock from every stock dataset, every pair from every FX dataset, and so on.

    If a quota is too small for all, symbols never fetched come first, in this order; then those that have
    waited longest. A coin is written `BTC-USD`; if its CoinGecko id is not built in, `PEPE-USD=pepe`.
    """

    stocks: tuple[Symbol, ...] = ()
    fx: tuple[Symbol, ...] = ()
    crypto: tuple[Coin, ...] = ()


Threads = Annotated[PositiveInt, Field(le=64)]
Seconds = Annotated[float, Field(gt=0, le=600)]
Attempts = Annotated[PositiveInt, Field(le=20)]


class AlphaVantageSettings(_Part):
    """How Alpha Vantage is requested; `plan` decides the rate limits and the datasets.

    `premium` has 75 calls per minute, `premium_150` 150, and so on.
    `datasets` None: daily, overview and fx_daily, and intraday if the plan has it.
    """

    base_url: AnyHttpUrl = AnyHttpUrl("https://www.alphavantage.co/query")
    plan: Plan = "free"
    datasets: tuple[str, ...] | None = None
    threads: Threads = 4
    timeout_seconds: Seconds = 30.0
    attempts: Attempts = 5


class YahooSettings(_Part):
    """How Yahoo's chart service is requested; nothing is fetched while `datasets` is empty."""

    base_url: AnyHttpUrl = AnyHttpUrl("https://query2.finance.yahoo.com/v8/finance/chart")
    datasets: tuple[Literal["daily", "intraday"], ...] = ()
    calls_per_minute: PositiveInt = 60
    threads: Threads = 4
    timeout_seconds: Seconds = 30.0
    attempts: Attempts = 5


class CoinGeckoSettings(_Part):
    """How CoinGecko is requested; `plan` decides host and key header, the limits are those of the key.

    `chart_days` and `ohlc_days` are how far back a call reaches, which decides the interval of its points.
    """

    base_url: AnyHttpUrl | None = None
    plan: Literal["public", "demo", "pro"] = "public"
    datasets: tuple[Literal["market_chart", "ohlc", "markets"], ...] = ()
    chart_days: PositiveInt = 1
    ohlc_days: Literal[1, 7, 14, 30, 90, 180, 365] = 1
    calls_per_minute: PositiveInt = 30
    calls_per_month: PositiveInt = 10_000
    threads: Threads = 2
    timeout_seconds: Seconds = 30.0
    attempts: Attempts = 5


class MassiveSettings(_Part):
    """Where Massive's (Polygon's) flat files are and how they are kept.

    A file has all tickers: `universe` keeps the watch list's stocks or all of them.
    A landed file is removed after `retention_days`; 0 keeps it forever.
    """

    endpoint_url: AnyHttpUrl = AnyHttpUrl("https://files.massive.com")
    bucket: str = "flatfiles"
    datasets: tuple[Literal["trades_v1", "quotes_v1", "minute_aggs_v1", "day_aggs_v1"], ...] = ()
    universe: Literal["watch_list", "all"] = "watch_list"
    latest_days: PositiveInt = 5
    retention_days: Annotated[int, Field(ge=0)] = 30
    rows_per_batch: Annotated[PositiveInt, Field(ge=1_000)] = 1_000_000
    threads: Threads = 10
    timeout_seconds: Seconds = 300.0
    attempts: Attempts = 5


class BseSettings(_Part):
    """How the Bombay exchange's end-of-day files (bhavcopy) are requested."""

    base_url: AnyHttpUrl = AnyHttpUrl("https://www.bseindia.com/download/BhavCopy/Equity")
    datasets: tuple[Literal["bhavcopy"], ...] = ()
    latest_days: PositiveInt = 5
    calls_per_minute: PositiveInt = 30
    threads: Threads = 2
    timeout_seconds: Seconds = 60.0
    attempts: Attempts = 5


class Providers(_Part):
    """One part per provider; its name is that of the provider's modules in flows and jobs."""

    alphavantage: AlphaVantageSettings = AlphaVantageSettings()
    yahoo: YahooSettings = YahooSettings()
    coingecko: CoinGeckoSettings = CoinGeckoSettings()
    bse: BseSettings = BseSettings()
    massive: MassiveSettings = MassiveSettings()


AVERAGE_SESSIONS = 7  # the window that gives gold.stock_overview.7d_avg its name


class SignalSettings(_Part):
    """Thresholds of the signals and the length of their windows, in sessions."""

    volume_spike_threshold_pct: Annotated[float, Field(gt=0)] = 100.0
    volume_spike_window_sessions: Annotated[int, Field(ge=2, le=252)] = 20
    pe_ratio_threshold: Annotated[float, Field(gt=0)] = 40.0
    volatility_window_sessions: Annotated[int, Field(ge=3, le=252)] = 20

    @property
    def longest_window_sessions(self) -> int:
        """How many sessions after a changed one are affected by it."""
        return max(self.volume_spike_window_sessions, self.volatility_window_sessions, AVERAGE_SESSIONS)


Provider = Literal["bse", "massive", "alphavantage", "yahoo", "coingecko"]
BasisPoints = Annotated[Decimal, Field(ge=0, le=10_000, max_digits=9, decimal_places=4)]
Percent = Annotated[Decimal, Field(ge=0, le=10_000, max_digits=9, decimal_places=4)]


class ReconciliationSettings(_Part):
    """How bars of one market from several providers are compared, and which provider's bar Gold uses.

    `provider_order` has the preferred provider first: an exchange's own file, trades as reported, a vendor's
    raw prices, adjusted prices; a provider that is not listed comes after these, by name. Prices may differ
    by `price_tolerance_bp` basis points (10 bp of 10.00 are one cent), volumes by `volume_tolerance_pct` per
    cent of the first provider's value; at the limit they agree. A daily bar counts as missing if its provider
    has one before and one after it, at most `longest_gap_days` apart: a longer gap was not fetched. After a
    change here, compute Gold again (`lakehouse rebuild-gold`).
    """

    provider_order: tuple[Provider, ...] = get_args(Provider)
    price_tolerance_bp: BasisPoints = Decimal(10)
    volume_tolerance_pct: Percent = Decimal(5)
    longest_gap_days: Annotated[int, Field(ge=2, le=60)] = 12


class PublicationSettings(_Part):
    """When a provider publishes a dataset, and how long it is awaited, instead of the built-in values.

    Either some minutes after the session's close, or at a time of the exchange's clock, some days after the
    session's date. What has not arrived `wait_minutes` later is missing.
    """

    provider: str
    dataset: str
    after_close_minutes: Annotated[int, Field(ge=0)] | None = None
    at: time | None = None
    days_after: Annotated[int, Field(ge=0, le=10)] = 0
    wait_minutes: Annotated[PositiveInt, Field(le=14 * 24 * 60)]

    @model_validator(mode="after")
    def _has_one_time(self) -> Self:
        if (self.at is None) == (self.after_close_minutes is None):
            raise ValueError("give either `after_close_minutes` or `at`")
        return self


class CompletenessSettings(_Part):
    """When a session counts as late or missing, how far back to look, and when to fetch it again.

    A session of bars has arrived once `min_bars_pct` of its bars are there: minutes without a trade have
    none. What is missing is fetched again after `refetch_cooldown_minutes` at the earliest.
    """

    lookback_sessions: Annotated[PositiveInt, Field(le=15)] = 10
    min_bars_pct: Annotated[float, Field(gt=0, le=100)] = 90.0
    refetch_cooldown_minutes: Annotated[int, Field(ge=0)] = 60
    publications: tuple[PublicationSettings, ...] = ()


class S3Settings(_Part):
    """The S3-compatible store of an `s3://` lake; its credentials are secrets."""

    endpoint_url: AnyHttpUrl | None = None
    region: str = "us-east-1"


class SparkSettings(_Part):
    """Apache Spark: the address of a Connect server, or how to start a local one."""

    remote: str | None = None
    driver_memory: Annotated[str, StringConstraints(pattern=r"^\d+[mg]$")] = "4g"


class MaintenanceSettings(_Part):
    """How long files that no current version needs are kept, for running readers and for a rollback.

    At least a week: a long reader, a replay or a restore must find the files of its version.
    """

    retain_hours: Annotated[int, Field(ge=168)] = 168


class Settings(_Part):
    """All settings.

    In a settings file, the paths `lake`, `state_dir` and `report` are relative to the folder of that file or,
    if that folder is named `config`, to the folder around it. In environment variables, and without a file,
    they are relative to the working folder.

    `file_mode` says who may read what the lakehouse writes: "private" is its user only (modes 0700 and 0600,
    whatever the umask), "umask" leaves it to the umask of the process, for a lake that several users share.
    """

    lake: LakePlace = "lake"
    state_dir: FilePath = Path(".lakehouse")
    report: FilePath = Path("report.html")
    file_mode: Literal["private", "umask"] = "private"
    engine: Engine = "embedded"
    simulated_now: datetime | None = Field(
        None, description="run as if this instant were now; for simulated data only"
    )
    clock_behind: Literal["refuse", "stamp_after"] = Field(
        "refuse",
        description="what a run does whose clock is more than 5 minutes behind the newest stamp of the lake: "
        "end with an error, or stamp right after it",
    )
    intervals: tuple[Interval, ...] = ("5min",)
    watch_list: WatchList = WatchList()
    providers: Providers = Providers()
    signals: SignalSettings = SignalSettings()
    completeness: CompletenessSettings = CompletenessSettings()
    reconciliation: ReconciliationSettings = ReconciliationSettings()
    s3: S3Settings = S3Settings()
    spark: SparkSettings = SparkSettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
