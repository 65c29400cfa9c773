"""Silver corporate actions: actions judged one by one, and what they change in the stored history."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType

from delta_tables.tables.silver_reference import CASH, CORPORATE_ACTIONS, RATIO
from jobs.history.bitemporal import bitemporal_changes, with_tombstones
from jobs.parsing.raw_schema import ACTION_FIELDS, NOTHING
from jobs.parsing.values import has_unparsable, null_if_missing, to_date, to_decimal
from jobs.silver.bar_rules import broken_rules, quoted_texts

_OF_SHARES = ("split", "bonus")
_OF_CASH = ("dividend", "capital_gain")
_ACTIONS = (*_OF_SHARES, *_OF_CASH, "spin_off")
_DATES = (
    ("ex_text", "ex_dt"),
    ("declared_text", "declared_dt"),
    ("record_text", "record_dt"),
    ("payment_text", "payment_dt"),
)
_NUMBERS = (("numerator_text", "numerator"), ("denominator_text", "denominator"), ("amount_text", "amount"))
# Narrow enough that no engine cuts the scale of the quotient.
_DENOMINATOR = DecimalType(16, 6)
_WHOLE_LISTS = ("splits", "dividends")  # datasets of which a payload has all actions there are
_LIST_OF = ("provider", "symbol", "action")
_NOT_OBSERVED = ("known_from", "known_to", "run_id")


def validated_corporate_actions(raw_actions_df: DataFrame) -> DataFrame:
    """Every action with typed values, `raw_values` and `reasons`, empty where it is usable.

    `raw_actions_df`: jobs.parsing.raw_schema.RAW_ACTION_COLUMNS. A payload that says that there are no
    actions gives no row. ratio = numerator / denominator as a decimal, half up at ten decimals.
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
        .withColumn("raw_values", quoted_texts(ACTION_FIELDS[1:]))
    )
    return typed_df.withColumn("reasons", broken_rules(_rules()))


def corporate_action_changes(validated_df: DataFrame, stored_df: DataFrame, run_id: str) -> DataFrame:
    """What the judged actions change in silver.corporate_actions; see bitemporal.history_changes.

    A list of all splits (or dividends) of a symbol that no longer has an action withdraws it. Not so a
    list with a row that cannot be read, nor an empty one: what was known stays.
    """
    names = [name for name in CORPORATE_ACTIONS.columns if name not in _NOT_OBSERVED]
    usable_df = validated_df.filter(F.size("reasons") == 0)
    observed_df = usable_df.select(*names, F.col("fetched_at").alias("known_from"))
    all_df = with_tombstones(observed_df, _whole_lists(validated_df), stored_df, CORPORATE_ACTIONS, _LIST_OF)
    return bitemporal_changes(all_df, stored_df, CORPORATE_ACTIONS, run_id)


def _whole_lists(validated_df: DataFrame) -> DataFrame:
    """The payloads that list all actions of one kind of a symbol, each row of which can be read."""
    lists_df = validated_df.filter(F.col("dataset").isin(*_WHOLE_LISTS)).withColumn(
        "bad", (F.size("reasons") > 0).cast("int")
    )
    counted_df = lists_df.groupBy(*_LIST_OF, "fetched_at", "payload_id").agg(F.sum("bad").alias("bad_rows"))
    return counted_df.filter("bad_rows = 0").withColumnRenamed("fetched_at", "known_from")


def _rules() -> dict[str, Column]:
    action, has_action = F.col("action"), F.col("action").isNotNull()
    has_shares = F.col("ratio").isNotNull() | (F.col("denominator") == 0)
    lacks_number = (
        (action.isin(*_OF_SHARES) & ~has_shares)
        | (action.isin(*_OF_CASH) & F.col("amount").isNull())
        | (~has_shares & F.col("amount").isNull())
    )
    return {
        "no_rows": ~has_action,
        "not_positive_amount": F.col("amount") <= 0,
        "not_positive_ratio": (F.least("numerator", "denominator") <= 0) | (F.col("ratio") <= 0),
        "other_symbol": _spelled("symbol_text") != _spelled("symbol"),
        "unknown_action": ~action.isin(*_ACTIONS),
        "unreadable_date": has_action & (F.col("ex_dt").isNull() | has_unparsable(_DATES)),
        "unreadable_number": has_action & (F.coalesce(lacks_number, F.lit(True)) | has_unparsable(_NUMBERS)),
    }


def _spelled(name: str) -> Column:
    """Class shares are BRK.B to some and BRK-B to others."""
    return F.translate(F.upper(name), ".", "-")
