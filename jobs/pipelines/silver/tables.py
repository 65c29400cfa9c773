"""How each Silver table is built from payloads: which parsers, which validation, which changes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame

from delta_tables.table import Table
from delta_tables.tables.silver import BARS, FUNDAMENTALS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS, INSTRUMENTS, NEWS
from jobs.market_calendar.sessions import FIRST_SESSION, sessions_frame
from jobs.parsing.registry import (
    ACTION_PARSERS,
    BAR_PARSERS,
    INSTRUMENT_PARSERS,
    NEWS_PARSERS,
    OVERVIEW_PARSERS,
    PayloadParsers,
    ProviderDatasets,
    calendars_for,
)
from jobs.silver.bar_rules import validate_bars
from jobs.silver.bars import bar_changes, drop_rule_columns, observed_bars
from jobs.silver.corporate_actions import corporate_action_changes, validated_corporate_actions
from jobs.silver.fundamentals import fundamentals_changes, validated_fundamentals
from jobs.silver.instruments import instrument_changes, validated_instruments
from jobs.silver.news import news_changes, validated_news

_FEW_CALENDARS = 4
Validate = Callable[[DataFrame, ProviderDatasets], DataFrame]
Changes = Callable[[DataFrame, DataFrame, str], DataFrame]


@dataclass(frozen=True)
class SilverPipeline:
    """How one Silver table is built from payloads.

    `validate(raw_df, provider_datasets)` returns typed rows with `reasons`, the rules that each row breaks;
    `changes(validated_df, stored_df, run_id)` what they change in the stored history. With
    `observed(validated_df)`, rows of a new series (rows that share the columns `series`) are not compared
    with anything stored; it keeps the rows that break no rule.
    """

    table: Table
    parsers: PayloadParsers
    validate: Validate
    changes: Changes
    observed: Callable[[DataFrame], DataFrame] | None = None
    series: tuple[str, ...] = ()

    @property
    def has_bars(self) -> bool:
        """Whether rows depend on when they were fetched: a bar may not have ended then."""
        return self.table is BARS


def _validate_bars(raw_df: DataFrame, provider_datasets: ProviderDatasets) -> DataFrame:
    calendars = calendars_for(BAR_PARSERS, provider_datasets)
    if len(calendars) > _FEW_CALENDARS:  # each costs a third of a second and ten thousand sessions
        calendars &= {row[0] for row in raw_df.select("calendar").distinct().collect()}
    first = date.fromisoformat(FIRST_SESSION)
    return drop_rule_columns(
        validate_bars(raw_df, sessions_frame(raw_df.sparkSession, calendars, first, date.max))
    )


def _validate_fundamentals(raw_df: DataFrame, _provider_datasets: ProviderDatasets) -> DataFrame:
    return validated_fundamentals(raw_df)


def _validate_actions(raw_df: DataFrame, _provider_datasets: ProviderDatasets) -> DataFrame:
    return validated_corporate_actions(raw_df)


def _validate_news(raw_df: DataFrame, _provider_datasets: ProviderDatasets) -> DataFrame:
    return validated_news(raw_df)


def _validate_instruments(raw_df: DataFrame, _provider_datasets: ProviderDatasets) -> DataFrame:
    return validated_instruments(raw_df)


SILVER_PIPELINES = (
    SilverPipeline(
        BARS, BAR_PARSERS, _validate_bars, bar_changes, observed_bars, ("provider", "symbol", "interval")
    ),
    SilverPipeline(FUNDAMENTALS, OVERVIEW_PARSERS, _validate_fundamentals, fundamentals_changes),
    SilverPipeline(CORPORATE_ACTIONS, ACTION_PARSERS, _validate_actions, corporate_action_changes),
    SilverPipeline(NEWS, NEWS_PARSERS, _validate_news, news_changes),
    SilverPipeline(INSTRUMENTS, INSTRUMENT_PARSERS, _validate_instruments, instrument_changes),
)
