"""Silver fundamentals: company overviews judged, and what they change in the stored history."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, StringType

from delta_tables.tables.silver import FUNDAMENTALS
from jobs.history.bitemporal import bitemporal_changes

# Alpha Vantage's OVERVIEW: numbers are texts, a missing one is None, -, N/A or empty
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
    """Every overview with typed facts, `raw_values` and `reasons`, empty where it is usable.

    `raw_overviews_df`: the payload's columns, `position`, and `facts`, a map from Alpha Vantage's names.
    """
    facts_df = raw_overviews_df
    for name, fact in _FACT_OF.items():
        facts_df = facts_df.withColumn(name, _typed(name, fact))
    return facts_df.withColumn("raw_values", _raw_values()).withColumn("reasons", _reasons())


def fundamentals_changes(validated_df: DataFrame, stored_df: DataFrame, run_id: str) -> DataFrame:
    """What the judged overviews change in silver.fundamentals; see bitemporal.history_changes."""
    names = ["provider", "symbol", *_FACT_OF, "is_simulated", "payload_id", "position"]
    usable_df = validated_df.filter(F.size("reasons") == 0)
    observed_df = usable_df.select(*names, F.col("fetched_at").alias("known_from"))
    return bitemporal_changes(observed_df, stored_df, FUNDAMENTALS, run_id)


def _fact(fact: str) -> Column:
    text = F.element_at("facts", F.lit(fact))
    return F.when(~text.isin(*_MISSING), text)


def _typed(name: str, fact: str) -> Column:
    kind = FUNDAMENTALS.schema[name].dataType
    if isinstance(kind, StringType):
        return _fact(fact)
    readable = r"^\d{4}-\d{2}-\d{2}$" if isinstance(kind, DateType) else r"^-?[0-9.]+$"
    # "12.3.4" passes the pattern and fails the cast: Spark's try_cast gives null on both engines
    return F.when(_fact(fact).rlike(readable), F.expr(f"try_cast(facts['{fact}'] AS {kind.simpleString()})"))


def _reasons() -> Column:
    typed = [
        (name, fact)
        for name, fact in _FACT_OF.items()
        if not isinstance(FUNDAMENTALS.schema[name].dataType, StringType)
    ]
    unreadable = F.lit(False)
    for name, fact in typed:
        unreadable |= _fact(fact).isNotNull() & F.col(name).isNull()
    stated_symbol = F.element_at("facts", F.lit("Symbol"))
    rules = {
        "no_rows": F.col("facts").isNull() | stated_symbol.isNull(),
        "other_symbol": F.upper(stated_symbol) != F.upper("symbol"),
        "unreadable_number": unreadable,
    }
    broken = [F.when(F.coalesce(rule, F.lit(False)), F.lit(name)) for name, rule in rules.items()]
    return F.filter(F.array(*broken), lambda name: name.isNotNull())


def _raw_values() -> Column:
    texts = [F.concat_ws("=", F.lit(fact), F.element_at("facts", F.lit(fact))) for fact in _FACT_OF.values()]
    return F.concat_ws(";", *texts)
