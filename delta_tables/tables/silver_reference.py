"""Silver's reference tables: what happened to instruments, what was written about them, what they are."""

from pyspark.sql.types import BooleanType, DateType, DecimalType, StringType, StructType, TimestampType

from delta_tables.table import Table, column
from delta_tables.tables.column_types import KNOWN

RATIO = DecimalType(20, 10)
CASH = DecimalType(20, 8)
SCORE = DecimalType(10, 6)

CORPORATE_ACTIONS = Table(
    layer="silver",
    name="corporate_actions",
    description="Splits, dividends and the like as known at an instant, bitemporal.",
    schema=StructType(
        [
            column("provider", StringType(), "provider of the action"),
            column("symbol", StringType(), "symbol as in the watch list"),
            column("action", StringType(), "split, dividend, capital_gain, spin_off or bonus"),
            column("label", StringType(), "tells apart the actions of one kind and day, such as cash"),
            column("ex_dt", DateType(), "first session that trades without it"),
            column("ratio", RATIO, "new shares for an old one; null for cash", is_nullable=True),
            column("amount", CASH, "cash a share, currency; null for shares", is_nullable=True),
            column("currency", StringType(), "currency of the amount, where stated", is_nullable=True),
            column("declared_dt", DateType(), "declared on", is_nullable=True),
            column("record_dt", DateType(), "due to the holders of this day", is_nullable=True),
            column("payment_dt", DateType(), "paid on", is_nullable=True),
            column("is_simulated", BooleanType(), "true where the provider drew the values"),
            *KNOWN,
        ]
    ),
    keys=("provider", "symbol", "action", "label", "ex_dt", "known_from"),
)

NEWS = Table(
    layer="silver",
    name="news",
    description="Articles and what they mean for each ticker they name, bitemporal.",
    schema=StructType(
        [
            column("provider", StringType(), "provider of the article"),
            column("symbol", StringType(), "ticker as the provider writes it; none where no ticker is named"),
            column("article_id", StringType(), "SHA-256 of the url, hex"),
            column("url", StringType(), "address of the article"),
            column("title", StringType(), "title", is_nullable=True),
            column("summary", StringType(), "summary by the provider", is_nullable=True),
            column("source", StringType(), "who published it", is_nullable=True),
            column("source_domain", StringType(), "domain of the publisher", is_nullable=True),
            column("published_at", TimestampType(), "published at, UTC"),
            column("authors", StringType(), "names, separated by `; `", is_nullable=True),
            column("topics", StringType(), "topics and their relevance, separated by `; `", is_nullable=True),
            column("overall_sentiment_score", SCORE, "mood of the article, -1 to 1", is_nullable=True),
            column("overall_sentiment_label", StringType(), "the same in a word", is_nullable=True),
            column("relevance_score", SCORE, "how much it is about the ticker, 0 to 1", is_nullable=True),
            column("ticker_sentiment_score", SCORE, "mood about the ticker, -1 to 1", is_nullable=True),
            column("ticker_sentiment_label", StringType(), "the same in a word", is_nullable=True),
            column("is_simulated", BooleanType(), "true where the provider drew the values"),
            *KNOWN,
        ]
    ),
    keys=("provider", "symbol", "article_id", "known_from"),
)

INSTRUMENTS = Table(
    layer="silver",
    name="instruments",
    description="What a symbol meant from when to when, as known at an instant, bitemporal.",
    schema=StructType(
        [
            column("provider", StringType(), "provider of the listing"),
            column("symbol", StringType(), "symbol as the provider writes it"),
            column("valid_from", DateType(), "first day of this meaning; 1900-01-01 where unknown"),
            column("valid_to", DateType(), "last day of it; null while it lasts", is_nullable=True),
            column("instrument_id", StringType(), "ISIN or FIGI, else provider:symbol:valid_from"),
            column("name", StringType(), "name of the instrument", is_nullable=True),
            column("asset_class", StringType(), "stock, fund, bond, index, fx ...", is_nullable=True),
            column("exchange", StringType(), "where it is listed", is_nullable=True),
            column("currency", StringType(), "currency it trades in", is_nullable=True),
            column("isin", StringType(), "ISIN", is_nullable=True),
            column("series", StringType(), "the exchange's group or series", is_nullable=True),
            column("status", StringType(), "active or delisted"),
            column("is_simulated", BooleanType(), "true where the provider drew the values"),
            *KNOWN,
        ]
    ),
    keys=("provider", "symbol", "valid_from", "known_from"),
)

TABLES = (CORPORATE_ACTIONS, NEWS, INSTRUMENTS)
