"""Silver fundamentals: validation of company overviews, and what they change in the stored history."""

from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, StringType

from delta_tables.tables.silver import FUNDAMENTALS
from jobs.history.bitemporal import bitemporal_changes, observed_rows
from jobs.parsing.values import ISO_DATE, NUMBER
from jobs.silver.rules import failed_rules, is_outside, is_too_long_symbol

# Column by name in Alpha Vantage's OVERVIEW; numbers are strings, a missing one is None, -, N/A or empty.
_FACT_OF = {
    "name": "Name",
    "asset_type": "AssetType",
    "exchange": "Exchange",
    "currency": "Currency",
    "country": "Country",
    "sector": "Sector",
    "industry": "Industry",
    "latest_quarter": "LatestQuarter",
    "market_cap": "MarketCapitalization",
    "pe_ratio": "PERatio",
    "eps": "EPS",
    "book_value": "BookValue",
    "dividend_per_share": "DividendPerShare",
    "dividend_yield": "DividendYield",
    "beta": "Beta",
    "high_52w": "52WeekHigh",
    "low_52w": "52WeekLow",
    "shares_outstanding": "SharesOutstanding",
}
# As in quality/checks/silver_fundamentals.yml.
_RANGE_OF: dict[str, tuple[int | Decimal, int]] = {
    "market_cap": (0, 10**15),
    "shares_outstanding": (0, 10**15),
    "high_52w": (Decimal("0.000001"), 10**9),
    "low_52w": (Decimal("0.000001"), 10**9),
    "dividend_per_share": (0, 10**6),
}
_MAX_RAW_CHARS = 1000
_OVERVIEW = "/"
_MISSING = ("None", "-", "N/A", "", "0000-00-00")


def validated_fundamentals(raw_overviews_df: DataFrame) -> DataFrame:
    """The raw overviews with typed facts and the rules that each one fails.

    An unreadable fact costs that fact only: it is null in the overview's row, and has an invalid row of its
    own, whose position is the fact's name.

    Args:
        raw_overviews_df: jobs.parsing.raw_schema.PAYLOAD_COLUMNS, position, and facts (a map of strings, by
            Alpha Vantage's names).

    Returns:
        The raw columns, the columns of silver.fundamentals from name to shares_outstanding (null if missing
        or unreadable), raw_values (`name=value` joined by `;`, as received) and reasons (array of the failed
        rules' names, sorted).
    """
    facts_df = raw_overviews_df
    for name, fact in _FACT_OF.items():
        facts_df = facts_df.withColumn(name, _typed(name, fact))
    facts_df = facts_df.withColumns({name: _in_range(name) for name in _RANGE_OF})
    overviews_df = facts_df.withColumns({"raw_values": _raw_values(), "reasons": failed_rules(_rules())})
    return _with_unreadable_facts(overviews_df)


def _in_range(name: str) -> Column:
    """The number; null if it is outside of the range that the gate accepts, or contradicts another one."""
    is_wrong = is_outside(name, *_RANGE_OF[name])
    if name in ("high_52w", "low_52w"):
        is_wrong |= F.coalesce(F.col("low_52w") > F.col("high_52w"), F.lit(False))
    return F.when(~is_wrong, F.col(name))


def _with_unreadable_facts(overviews_df: DataFrame) -> DataFrame:
    """The overviews, and one invalid row per unreadable fact of the valid ones, with the same columns."""
    is_valid = F.size("reasons") == 0
    names = (F.when(is_valid & _is_unreadable(name, fact), F.lit(fact)) for name, fact in _typed_facts())
    # one pass over the overviews: the first entry stands for the overview itself
    row_per_fact_df = overviews_df.withColumn(
        "fact", F.explode(F.split(F.concat_ws(",", F.lit(_OVERVIEW), *names), ","))
    )
    is_fact = F.col("fact") != _OVERVIEW
    text = F.element_at("facts", F.col("fact"))
    is_date = F.col("fact").isin(*(fact for name, fact in _typed_facts() if _is_date(name)))
    is_number = F.col("fact").isin(*(_FACT_OF[name] for name in _RANGE_OF)) & text.rlike(NUMBER)
    reason = F.when(is_date, "unreadable_date").when(is_number, "number_out_of_range")
    of_fact = {
        "position": F.concat(F.lit("/"), F.col("fact")),
        "raw_values": F.concat_ws("=", F.col("fact"), F.substring(text, 1, _MAX_RAW_CHARS)),
        # not F.array, whose elements would be NOT NULL, unlike those of failed_rules
        "reasons": F.split(reason.otherwise("unreadable_number"), ","),
    }
    return row_per_fact_df.withColumns(
        {name: F.when(is_fact, value).otherwise(F.col(name)) for name, value in of_fact.items()}
    ).drop("fact")


def _typed_facts() -> list[tuple[str, str]]:
    """The columns that are no strings, each with the name of its fact."""
    return [
        (name, fact)
        for name, fact in _FACT_OF.items()
        if not isinstance(FUNDAMENTALS.schema[name].dataType, StringType)
    ]


def _is_date(name: str) -> bool:
    return isinstance(FUNDAMENTALS.schema[name].dataType, DateType)


def _is_unreadable(name: str, fact: str) -> Column:
    return _fact(fact).isNotNull() & F.col(name).isNull()


def fundamentals_changes(validated_df: DataFrame, stored_df: DataFrame, run_id: str) -> DataFrame:
    """The rows to write into silver.fundamentals: its columns and CHANGE_TYPE.

    `validated_df`: validated_fundamentals; `stored_df`: rows of silver.fundamentals.
    """
    return bitemporal_changes(observed_rows(validated_df, FUNDAMENTALS), stored_df, FUNDAMENTALS, run_id)


def _fact(fact: str) -> Column:
    text = F.element_at("facts", F.lit(fact))
    return F.when(~text.isin(*_MISSING), text)


def _typed(name: str, fact: str) -> Column:
    kind = FUNDAMENTALS.schema[name].dataType
    if isinstance(kind, StringType):
        return _fact(fact)
    readable = ISO_DATE if isinstance(kind, DateType) else NUMBER
    return F.when(_fact(fact).rlike(readable), F.expr(f"try_cast(facts['{fact}'] AS {kind.simpleString()})"))


def _rules() -> dict[str, Column]:
    """Conditions that are true for an invalid overview, by the name of the rule."""
    stated_symbol = F.element_at("facts", F.lit("Symbol"))
    return {
        "no_rows": F.col("facts").isNull() | stated_symbol.isNull(),
        "other_symbol": F.upper(stated_symbol) != F.upper("symbol"),
        "symbol_too_long": is_too_long_symbol(),
    }


def _raw_values() -> Column:
    facts = [F.concat_ws("=", F.lit(fact), F.element_at("facts", F.lit(fact))) for fact in _FACT_OF.values()]
    return F.concat_ws(";", *facts)
