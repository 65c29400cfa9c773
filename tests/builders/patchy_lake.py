"""A lake with gaps: random sessions, intervals and providers, and the rows that the views return."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
from deltalake import QueryBuilder

from delta_tables.storage.create_tables import create_tables, open_table
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from delta_tables.views import adjusted_bars as adjusted_views
from tests.builders.reader_lake import LEARNED, action
from tests.builders.sample_lake import Row, add, bar, utc

FIRST = date(2025, 12, 15)
DAYS = [FIRST + timedelta(days=number) for number in range(30)]
SYMBOLS = ("DAILY", "MINUTES", "SPARSE", "BOTH", "FUND")


def patchy(lake: Lake, choose: random.Random) -> None:
    """Two providers, each with some of the sessions of some intervals; splits and payments on random days."""
    create_tables(lake, (BARS, CORPORATE_ACTIONS))
    rows: list[Row] = []
    for symbol in SYMBOLS:
        for provider in ("alphavantage", "yahoo"):
            for day in DAYS:
                rows += _bars(symbol, provider, day, choose)
    add(lake, BARS, *choose.sample(rows, len(rows)))
    actions = []
    for symbol in SYMBOLS:
        for paid in choose.sample([*DAYS, date(1990, 1, 2)], 6):
            values = {"symbol": symbol, "provider": choose.choice(["alphavantage", "yahoo", "other"])}
            known = LEARNED + timedelta(days=choose.choice([-20, 0]))
            amount = Decimal(choose.randint(1, 900)) / 100
            actions.append(action("dividend", paid, amount=amount, known_from=known) | values)
        actions.append(action("split", choose.choice(DAYS), ratio=Decimal(2), symbol=symbol))
    add(lake, CORPORATE_ACTIONS, *actions)


def _bars(symbol: str, provider: str, day: date, choose: random.Random) -> list[Row]:
    intervals = {"DAILY": ["1day"], "MINUTES": ["1min", "5min"], "SPARSE": ["1min"]}.get(
        symbol, ["1day", "1min"]
    )
    known = LEARNED + timedelta(days=choose.choice([-40, 0]))
    same = {"provider": provider, "known_from": known}
    same["adjustment"] = "split" if provider == "yahoo" and symbol == "FUND" else "raw"
    return [
        bar(symbol, day, interval, f"{choose.randint(2_000, 9_000) / 100:.2f}", **same)
        | {
            "timestamp": utc(day, 5 if interval == "1day" else 15),
            "session": choose.choice(["regular", "pre"]),
        }
        | ({"session": "regular"} if interval == "1day" else {})
        for interval in intervals
        if choose.random() < (0.2 if symbol == "SPARSE" else 0.4)
    ]


def view_rows(lake: Lake, adjusted: str, as_of: datetime | None) -> pa.Table:
    """What the view gives over the whole of the lake."""
    builder = QueryBuilder()
    for table in (BARS, CORPORATE_ACTIONS):
        builder.register(table.name, open_table(lake, table))
    views = {"split": adjusted_views.split_adjusted_sql, "total": adjusted_views.total_adjusted_sql}
    return pa.table(builder.execute(views[adjusted]("bars", "corporate_actions", as_of)))
