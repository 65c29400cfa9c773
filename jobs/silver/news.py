"""Silver news: validation of articles (one row per article and ticker), and changes of their history."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.tables.silver_reference import NEWS, SCORE
from jobs.history.bitemporal import bitemporal_changes, observed_rows
from jobs.parsing.raw_schema import NOTHING
from jobs.parsing.values import CENTURIES, has_unparsable, null_if_missing, to_decimal
from jobs.silver.rules import failed_rules, is_outside, is_too_long_symbol, quoted_raw_values

_SCORES = (
    ("overall_score_text", "overall_sentiment_score"),
    ("relevance_text", "relevance_score"),
    ("ticker_score_text", "ticker_sentiment_score"),
)
_PUBLISHED = rf"^{CENTURIES}\d{{6}}T\d{{4}}(\d{{2}})?$"
# Without title and summary: the url suffices to find a quarantined row again.
_RAW_VALUES = ("url", "published_text", "overall_score_text", "relevance_text", "ticker_score_text")


def validated_news(raw_news_df: DataFrame) -> DataFrame:
    """The raw articles with typed values and the rules that each row fails; an empty feed gives no row.

    Args:
        raw_news_df: jobs.parsing.raw_schema.RAW_NEWS_COLUMNS, one row per article and ticker.

    Returns:
        The raw columns (url null if missing), and
        article_id (SHA-256 of the url, hex), published_at (UTC),
        overall_sentiment_score, ticker_sentiment_score (-1 to 1), relevance_score (0 to 1),
        overall_sentiment_label, ticker_sentiment_label (null if missing),
        raw_values (url, time and scores as received, JSON),
        reasons (array of the failed rules' names, sorted).
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
        .withColumn("raw_values", quoted_raw_values(_RAW_VALUES))
    )
    return typed_df.withColumn("reasons", failed_rules(_rules()))


def news_changes(validated_df: DataFrame, stored_df: DataFrame, run_id: str) -> DataFrame:
    """The rows to write into silver.news: its columns and CHANGE_TYPE.

    `validated_df`: validated_news; `stored_df`: rows of silver.news.
    """
    return bitemporal_changes(observed_rows(validated_df, NEWS), stored_df, NEWS, run_id)


def _published_at() -> Column:
    """The instant of published_text (`20260517T110100`, seconds optional, UTC).

    The string is rewritten as ISO 8601, because the engines' patterns for times differ.
    """
    parts = ((1, 4), (5, 2), (7, 2), (10, 2), (12, 2))
    year, month, day, hour, minute = (f"substr(published_text, {at}, {length})" for at, length in parts)
    seconds = "lpad(substr(published_text, 14, 2), 2, '0')"
    iso = f"concat({year}, '-', {month}, '-', {day}, 'T', {hour}, ':', {minute}, ':', {seconds}, 'Z')"
    return F.when(F.col("published_text").rlike(_PUBLISHED), F.expr(f"try_cast({iso} AS timestamp)"))


def _rules() -> dict[str, Column]:
    """Conditions that are true for an invalid row, by the name of the rule."""
    has_nothing = F.coalesce("url", "title", "published_text").isNull()
    return {
        "date_out_of_range": F.datediff(F.to_date("published_at"), F.to_date("fetched_at")) > 1,
        "no_rows": has_nothing,
        "number_out_of_range": is_outside("overall_sentiment_score", -1, 1)
        | is_outside("ticker_sentiment_score", -1, 1)
        | is_outside("relevance_score", 0, 1),
        "no_url": ~has_nothing & F.col("url").isNull(),
        "unreadable_date": ~has_nothing & F.col("published_at").isNull(),
        "unreadable_number": has_unparsable(_SCORES),
        "symbol_too_long": is_too_long_symbol(),
    }
