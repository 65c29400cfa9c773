"""Silver fundamentals: validation of company overviews, and what they change in the stored history."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, StringType

from delta_tables.tables.silver import FUNDAMENTALS
from jobs.history.bitemporal import bitemporal_changes, observed_rows
from jobs.parsing.values import ISO_DATE
from jobs.silver.rules import failed_rules

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
_MISSING = ("None", "-", "N/A", "", "0000-00-00")


def validated_fundamentals(raw_overviews_df: DataFrame) -> DataFrame:
    """The raw overviews with typed facts and the rules that each one fails.

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
    return facts_df.withColumn("raw_values", _raw_values()).withColumn("reasons", failed_rules(_rules()))


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
    readable = ISO_DATE if isinstance(kind, DateType) else r"^-?[0-9.]+$"
    # "12.3.4" passes the pattern and fails the cast: Spark's try_cast gives null on both engines
    return F.when(_fact(fact).rlike(readable), F.expr(f"try_cast(facts['{fact}'] AS {kind.simpleString()})"))


def _rules() -> dict[str, Column]:
    """Conditions that are true for an invalid overview, by the name of the rule."""
    unreadable = F.lit(False)
    for name, fact in _FACT_OF.items():
        if not isinstance(FUNDAMENTALS.schema[name].dataType, StringType):
            unreadable |= _fact(fact).isNotNull() & F.col(name).isNull()
    stated_symbol = F.element_at("facts", F.lit("Symbol"))
    return {
        "no_rows": F.col("facts").isNull() | stated_symbol.isNull(),
        "other_symbol": F.upper(stated_symbol) != F.upper("symbol"),
        "unreadable_number": unreadable,
    }


def _raw_values() -> Column:
    facts = [F.concat_ws("=", F.lit(fact), F.element_at("facts", F.lit(fact))) for fact in _FACT_OF.values()]
    return F.concat_ws(";", *facts)
