"""Silver's reference tables: corporate actions, news and instruments."""

from pyspark.sql.types import BooleanType, DateType, DecimalType, StringType, StructType, TimestampType

from delta_tables.table import Table, column
from delta_tables.tables.column_types import KNOWN

RATIO = DecimalType(20, 10)
CASH = DecimalType(20, 8)
SCORE = DecimalType(10, 6)

CORPORATE_ACTIONS = Table(
    layer="silver",
    name="corporate_actions",
    description="Splits, dividends and other corporate actions, bitemporal.",
    schema=StructType(
        [
            column("provider", StringType(), "provider of the action"),
            column("symbol", StringType(), "symbol as in the watch list"),
            column("action", StringType(), "split, dividend, capital_gain, spin_off or bonus"),
            column("label", StringType(), "distinguishes actions of one kind and day, such as cash"),
            column("ex_dt", DateType(), "ex-date: first session that trades without it"),
            column("ratio", RATIO, "new shares per old share; null for cash", is_nullable=True),
            column("amount", CASH, "cash per share, currency; null for shares", is_nullable=True),
            column("currency", StringType(), "currency of the amount, if stated", is_nullable=True),
            column("declared_dt", DateType(), "declaration date", is_nullable=True),
            column("record_dt", DateType(), "record date: holders on this day receive it", is_nullable=True),
            column("payment_dt", DateType(), "payment date", is_nullable=True),
            column("is_simulated", BooleanType(), "true if the values are simulated"),
            *KNOWN,
        ]
    ),
    keys=("provider", "symbol", "action", "label", "ex_dt", "known_from"),
)

NEWS = Table(
    layer="silver",
    name="news",
    description="Articles, one row per article and ticker, with sentiment scores, bitemporal.",
    schema=StructType(
        [
            column("provider", StringType(), "provider of the article"),
            column(
                "symbol", StringType(), "ticker in the provider's spelling; `none` if the article names none"
            ),
            column("article_id", StringType(), "SHA-256 of the url, in hex"),
            column("url", StringType(), "address of the article"),
            column("title", StringType(), "title", is_nullable=True),
            column("summary", StringType(), "summary by the provider", is_nullable=True),
            column("source", StringType(), "publisher", is_nullable=True),
            column("source_domain", StringType(), "domain of the publisher", is_nullable=True),
            column("published_at", TimestampType(), "when the article was published, UTC"),
            column("authors", StringType(), "names, separated by `; `", is_nullable=True),
            column("topics", StringType(), "topics and their relevance, separated by `; `", is_nullable=True),
            column("overall_sentiment_score", SCORE, "sentiment of the article, -1 to 1", is_nullable=True),
            column(
                "overall_sentiment_label", StringType(), "overall_sentiment_score as a word", is_nullable=True
            ),
            column("relevance_score", SCORE, "relevance for the ticker, 0 to 1", is_nullable=True),
            column("ticker_sentiment_score", SCORE, "sentiment about the ticker, -1 to 1", is_nullable=True),
            column(
                "ticker_sentiment_label", StringType(), "ticker_sentiment_score as a word", is_nullable=True
            ),
            column("is_simulated", BooleanType(), "true if the values are simulated"),
            *KNOWN,
        ]
    ),
    keys=("provider", "symbol", "article_id", "known_from"),
)

INSTRUMENTS = Table(
    layer="silver",
    name="instruments",
    description="Instruments and the dates between which a symbol referred to each, bitemporal.",
    schema=StructType(
        [
            column("provider", StringType(), "provider of the listing"),
            column("symbol", StringType(), "symbol in the provider's spelling"),
            column(
                "valid_from",
                DateType(),
                "first day on which the symbol referred to it; 1900-01-01 if unknown",
            ),
            column("valid_to", DateType(), "last day of that; null while it lasts", is_nullable=True),
            column("instrument_id", StringType(), "ISIN or FIGI, else provider:symbol:valid_from"),
            column("name", StringType(), "name of the instrument", is_nullable=True),
            column("asset_class", StringType(), "stock, fund, bond, index, fx, ...", is_nullable=True),
            column("exchange", StringType(), "exchange of the listing", is_nullable=True),
            column("currency", StringType(), "trading currency", is_nullable=True),
            column("isin", StringType(), "ISIN", is_nullable=True),
            column("series", StringType(), "the exchange's group or series", is_nullable=True),
            column("status", StringType(), "active or delisted"),
            column("is_simulated", BooleanType(), "true if the values are simulated"),
            *KNOWN,
        ]
    ),
    keys=("provider", "symbol", "valid_from", "known_from"),
)

TABLES = (CORPORATE_ACTIONS, NEWS, INSTRUMENTS)
