"""Silver news: articles judged for each ticker they name, and what they change in the stored history."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.tables.silver_reference import NEWS, SCORE
from jobs.history.bitemporal import bitemporal_changes
from jobs.parsing.raw_schema import NOTHING
from jobs.parsing.values import has_unparsable, null_if_missing, to_decimal
from jobs.silver.bar_rules import broken_rules, quoted_texts

_SCORES = (
    ("overall_score_text", "overall_sentiment_score"),
    ("relevance_text", "relevance_score"),
    ("ticker_score_text", "ticker_sentiment_score"),
)
_PUBLISHED = r"^\d{8}T\d{4}(\d{2})?$"
# Without title and summary: the rows that are set aside are found again by their address.
_SHOWN = ("url", "published_text", "overall_score_text", "relevance_text", "ticker_score_text")
_NOT_OBSERVED = ("known_from", "known_to", "run_id")


def validated_news(raw_news_df: DataFrame) -> DataFrame:
    """Every article and ticker with typed values, `raw_values` and `reasons`, empty where it is usable.

    `raw_news_df`: jobs.parsing.raw_schema.RAW_NEWS_COLUMNS. An empty feed gives no row.
    """
    frame_df = raw_news_df.filter(F.col("position") != NOTHING)
    for text, name in _SCORES:
        frame_df = frame_df.withColumn(name, to_decimal(text, SCORE))
    typed_df = (
        frame_df.withColumn("url", null_if_missing("url"))
        .withColumn("article_id", F.sha2("url", 256))
        .withColumn("published_at", _published_at())
        .withColumn("overall_sentiment_label", null_if_missing("overall_label"))
        .withColumn("ticker_sentiment_label", null_if_missing("ticker_label"))
        .withColumn("raw_values", quoted_texts(_SHOWN))
    )
    return typed_df.withColumn("reasons", broken_rules(_rules()))


def news_changes(validated_df: DataFrame, stored_df: DataFrame, run_id: str) -> DataFrame:
    """What the judged articles change in silver.news; see bitemporal.history_changes."""
    names = [name for name in NEWS.columns if name not in _NOT_OBSERVED]
    usable_df = validated_df.filter(F.size("reasons") == 0)
    observed_df = usable_df.select(*names, F.col("fetched_at").alias("known_from"))
    return bitemporal_changes(observed_df, stored_df, NEWS, run_id)


def _published_at() -> Column:
    """`20260517T110100` as an instant; the seconds may be missing. Built anew as ISO 8601: the engines'
    patterns for times differ.
    """
    parts = ((1, 4), (5, 2), (7, 2), (10, 2), (12, 2))
    year, month, day, hour, minute = (f"substr(published_text, {at}, {length})" for at, length in parts)
    seconds = "lpad(substr(published_text, 14, 2), 2, '0')"
    iso = f"concat({year}, '-', {month}, '-', {day}, 'T', {hour}, ':', {minute}, ':', {seconds}, 'Z')"
    return F.when(F.col("published_text").rlike(_PUBLISHED), F.expr(f"try_cast({iso} AS timestamp)"))


def _rules() -> dict[str, Column]:
    has_nothing = F.coalesce("url", "title", "published_text").isNull()
    return {
        "no_rows": has_nothing,
        "no_url": ~has_nothing & F.col("url").isNull(),
        "unreadable_date": ~has_nothing & F.col("published_at").isNull(),
        "unreadable_number": has_unparsable(_SCORES),
    }
