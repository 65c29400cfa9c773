"""Silver corporate actions: validation, and what the actions change in the stored history."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType

from delta_tables.tables.silver_reference import CASH, CORPORATE_ACTIONS, RATIO
from jobs.history.bitemporal import bitemporal_changes, observed_rows, with_tombstones
from jobs.parsing.raw_schema import ACTION_FIELDS, NOTHING
from jobs.parsing.values import has_unparsable, null_if_missing, to_date, to_decimal
from jobs.silver.rules import failed_rules, is_too_long_symbol, quoted_raw_values

_SHARE_ACTIONS = ("split", "bonus")
_CASH_ACTIONS = ("dividend", "capital_gain")
_ACTIONS = (*_SHARE_ACTIONS, *_CASH_ACTIONS, "spin_off")
_DATES = (
    ("ex_text", "ex_dt"),
    ("declared_text", "declared_dt"),
    ("record_text", "record_dt"),
    ("payment_text", "payment_dt"),
)
_NUMBERS = (("numerator_text", "numerator"), ("denominator_text", "denominator"), ("amount_text", "amount"))
# Narrow enough that no engine reduces the scale of the quotient.
_DENOMINATOR = DecimalType(16, 6)
_WHOLE_LISTS = ("splits", "dividends")  # a payload of these datasets lists all actions of its kind
# As in quality/checks/silver_corporate_actions.yml.
_MAX_RATIO, _MAX_AMOUNT, _MAX_DAYS_AHEAD = 10**6, 10**9, 731
_LIST_OF = ("provider", "symbol", "action")


def validated_corporate_actions(raw_actions_df: DataFrame) -> DataFrame:
    """The raw actions with typed values and the rules that each one fails.

    A payload that states that there are no actions (position NOTHING) gives no row.

    Args:
        raw_actions_df: jobs.parsing.raw_schema.RAW_ACTION_COLUMNS.

    Returns:
        The raw columns (currency null if missing), and
        ex_dt, declared_dt, record_dt, payment_dt (dates, null if missing or unreadable),
        numerator, denominator, ratio = numerator / denominator (new shares per old share, half up at ten
        decimals), amount (cash per share),
        raw_values (the strings as received, JSON), reasons (array of the failed rules' names, sorted).
    """
    frame_df = raw_actions_df.filter(F.col("position") != NOTHING)
    for text, name in _DATES:
        frame_df = frame_df.withColumn(name, to_date(text))
    typed_df = (
        frame_df.withColumn("numerator", to_decimal("numerator_text", RATIO))
        .withColumn("denominator", to_decimal("denominator_text", _DENOMINATOR))
        .withColumn("amount", to_decimal("amount_text", CASH))
        .withColumn("currency", null_if_missing("currency"))
        .withColumn(
            "ratio", F.expr(f"try_cast(numerator / nullif(denominator, 0) AS {RATIO.simpleString()})")
        )
        .withColumn("raw_values", quoted_raw_values(ACTION_FIELDS[1:]))
    )
    return typed_df.withColumn("reasons", failed_rules(_rules()))


def corporate_action_changes(validated_df: DataFrame, stored_df: DataFrame, run_id: str) -> DataFrame:
    """The rows to write into silver.corporate_actions: its columns and CHANGE_TYPE.

    If a later list of all splits (or dividends) of a symbol no longer contains an action, the action is
    closed. A list with an invalid row, or an empty list, closes nothing.

    `validated_df`: validated_corporate_actions; `stored_df`: rows of silver.corporate_actions.
    """
    observed_df = observed_rows(validated_df, CORPORATE_ACTIONS)
    all_df = with_tombstones(observed_df, _whole_lists(validated_df), stored_df, CORPORATE_ACTIONS, _LIST_OF)
    return bitemporal_changes(all_df, stored_df, CORPORATE_ACTIONS, run_id)


def _whole_lists(validated_df: DataFrame) -> DataFrame:
    """The payloads that list all actions of one kind of a symbol and contain no invalid row."""
    lists_df = validated_df.filter(F.col("dataset").isin(*_WHOLE_LISTS)).withColumn(
        "is_invalid", (F.size("reasons") > 0).cast("int")
    )
    counted_df = lists_df.groupBy(*_LIST_OF, "fetched_at", "payload_id").agg(
        F.sum("is_invalid").alias("invalid_rows")
    )
    return counted_df.filter("invalid_rows = 0").withColumnRenamed("fetched_at", "known_from")


def _rules() -> dict[str, Column]:
    """Conditions that are true for an invalid action, by the name of the rule."""
    action, has_action = F.col("action"), F.col("action").isNotNull()
    has_shares = F.col("ratio").isNotNull() | (F.col("denominator") == 0)
    lacks_number = (
        (action.isin(*_SHARE_ACTIONS) & ~has_shares)
        | (action.isin(*_CASH_ACTIONS) & F.col("amount").isNull())
        | (~has_shares & F.col("amount").isNull())
    )
    return {
        "date_out_of_range": F.datediff("ex_dt", F.to_date("fetched_at")) > _MAX_DAYS_AHEAD,
        "no_rows": ~has_action,
        "not_positive_amount": F.col("amount") <= 0,
        "not_positive_ratio": (F.least("numerator", "denominator") <= 0) | (F.col("ratio") <= 0),
        "number_out_of_range": (F.col("ratio") > _MAX_RATIO) | (F.col("amount") > _MAX_AMOUNT),
        "other_symbol": _normalised_symbol("symbol_text") != _normalised_symbol("symbol"),
        "unknown_action": ~action.isin(*_ACTIONS),
        "unreadable_date": has_action & (F.col("ex_dt").isNull() | has_unparsable(_DATES)),
        "unreadable_number": has_action & (F.coalesce(lacks_number, F.lit(True)) | has_unparsable(_NUMBERS)),
        "symbol_too_long": is_too_long_symbol(),
    }


def _normalised_symbol(name: str) -> Column:
    """The symbol spelled alike for all providers: some write a class share BRK.B, others BRK-B."""
    return F.translate(F.upper(name), ".", "-")
