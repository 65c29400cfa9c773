"""Values of a Yahoo chart's `meta`, mapped to the interval, asset class and calendar."""

from typing import Final

# meta.dataGranularity; others (1wk, 3mo) stay as they are.
INTERVALS: Final = {
    "1m": "1min",
    "5m": "5min",
    "15m": "15min",
    "30m": "30min",
    "60m": "60min",
    "1h": "60min",
    "1d": "1day",
}

SECONDS: Final = {"1min": 60, "5min": 300, "15min": 900, "30min": 1800, "60min": 3600}

# meta.instrumentType
CLASSES: Final = {
    "EQUITY": "stock",
    "ETF": "stock",
    "MUTUALFUND": "fund",
    "CURRENCY": "fx",
    "CRYPTOCURRENCY": "crypto",
    "INDEX": "index",
    "FUTURE": "future",
}

# meta.exchangeName; other exchanges follow their zone. Both Indian exchanges trade in XBOM's hours.
CALENDAR_OF_EXCHANGE: Final = {
    "AMS": "XAMS",
    "ASX": "XASX",
    "BRU": "XBRU",
    "BSE": "XBOM",
    "CPH": "XCSE",
    "FRA": "XFRA",
    "GER": "XETR",
    "HEL": "XHEL",
    "HKG": "XHKG",
    "JKT": "XIDX",
    "JPX": "XTKS",
    "KSC": "XKRX",
    "LIS": "XLIS",
    "LSE": "XLON",
    "MCE": "XMAD",
    "MIL": "XMIL",
    "NSI": "XBOM",
    "OSL": "XOSL",
    "PAR": "XPAR",
    "STO": "XSTO",
    "EBS": "XSWX",
    "TOR": "XTSE",
}

# meta.exchangeTimezoneName where the exchanges of a zone keep the same sessions (NMS, NYQ, PCX, PNK ...).
CALENDAR_OF_ZONE: Final = {"America/New_York": "XNYS"}

# meta.exchangeName of a FUTURE; meta has New York's time zone, the sessions are Chicago's.
CALENDAR_OF_FUTURES: Final = dict.fromkeys(("CBT", "CME", "CMX", "NYM"), "CMES")

# meta.instrumentType of instruments that no exchange trades.
CALENDAR_OF_TYPE: Final = {"CURRENCY": "24/5", "CRYPTOCURRENCY": "24/7"}

CALENDARS: Final = tuple(
    sorted(
        {
            *CALENDAR_OF_EXCHANGE.values(),
            *CALENDAR_OF_ZONE.values(),
            *CALENDAR_OF_FUTURES.values(),
            *CALENDAR_OF_TYPE.values(),
        }
    )
)
