"""The settings: one frozen tree, built once at an entry point and handed down in parts."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, PositiveInt, StringConstraints

Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9^][A-Za-z0-9.\-^=:]{0,23}$")]
Interval = Literal["1min", "5min", "15min", "30min", "60min"]
Engine = Literal["embedded", "spark"]
Plan = Literal["free", "premium", "unmetered"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WatchList(_Part):
    """What is fetched: every stock in every stock dataset, every pair in every FX dataset."""

    stocks: tuple[Symbol, ...] = ()
    fx: tuple[Symbol, ...] = ()


class AlphaVantageSettings(_Part):
    """How Alpha Vantage is asked; `plan` decides the rate limits and what is entitled."""

    base_url: AnyHttpUrl = AnyHttpUrl("https://www.alphavantage.co/query")
    plan: Plan = "free"
    threads: Annotated[PositiveInt, Field(le=64)] = 4
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    attempts: Annotated[PositiveInt, Field(le=20)] = 5


class Providers(_Part):
    """One part a provider."""

    alphavantage: AlphaVantageSettings = AlphaVantageSettings()


AVERAGE_SESSIONS = 7  # the window that gives gold.stock_overview.7d_avg its name


class SignalSettings(_Part):
    """Thresholds of the signals and the windows they look at, in sessions."""

    volume_spike_threshold_pct: Annotated[float, Field(gt=0)] = 100.0
    volume_spike_window_sessions: Annotated[int, Field(ge=2, le=252)] = 20
    pe_ratio_threshold: Annotated[float, Field(gt=0)] = 40.0
    volatility_window_sessions: Annotated[int, Field(ge=3, le=252)] = 20

    @property
    def longest_window_sessions(self) -> int:
        """How many sessions after a changed one can still feel the change"""
        return max(self.volume_spike_window_sessions, self.volatility_window_sessions, AVERAGE_SESSIONS)


class S3Settings(_Part):
    """The S3-compatible store of an `s3://` lake; its credentials are secrets."""

    endpoint_url: AnyHttpUrl | None = None
    region: str = "us-east-1"


class SparkSettings(_Part):
    """Apache Spark: a Connect server's address, or how to start a local one."""

    remote: str | None = None
    driver_memory: Annotated[str, StringConstraints(pattern=r"^\d+[mg]$")] = "4g"


class Settings(_Part):
    """All settings. Paths are relative to the working folder."""

    lake: Annotated[str, StringConstraints(min_length=1)] = "lake"
    state_dir: Path = Path(".lakehouse")
    report: Path = Path("report.html")
    engine: Engine = "embedded"
    as_if_at: datetime | None = Field(
        None, description="run as if this instant were now; for simulated data only"
    )
    intervals: tuple[Interval, ...] = ("5min",)
    watch_list: WatchList = WatchList()
    providers: Providers = Providers()
    signals: SignalSettings = SignalSettings()
    s3: S3Settings = S3Settings()
    spark: SparkSettings = SparkSettings()
