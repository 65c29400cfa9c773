"""Adjusted ranges of a lake with gaps equal the view over the whole table."""

import itertools
import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from serving.read import chunks, open_reader
from tests.builders.patchy_lake import DAYS, patchy, view_rows
from tests.builders.reader_lake import LEARNED, action
from tests.builders.sample_lake import add, bar


@pytest.mark.parametrize(("seed", "as_of"), [(0, None), (1, None), (2, LEARNED - timedelta(days=5))])
def test_every_range_equals_the_view(lake: Lake, seed: int, as_of: datetime | None) -> None:
    choose = random.Random(seed)
    patchy(lake, choose)
    reader = open_reader(lake)
    for adjusted in ("split", "total"):
        whole = view_rows(lake, adjusted, as_of).to_pylist()
        for interval, provider in itertools.product(("1day", "1min"), ("alphavantage", "yahoo")):
            start, end = sorted(choose.sample(DAYS, 2))
            rows = [row for row in whole if (row["interval"], row["provider"]) == (interval, provider)]
            symbols = sorted({row["symbol"] for row in rows})
            wanted: dict[str, Any] = {"adjusted": adjusted, "as_of": as_of, "provider": provider}
            found = reader.bars(symbols, interval, start, end, **wanted).table
            expected = [
                {name: row[name] for name in found.column_names}
                for row in sorted(rows, key=lambda row: (row["symbol"], row["timestamp"]))
                if start <= row["trade_dt"] <= end
            ]
            assert found.to_pylist() == expected


def test_a_symbol_with_daily_bars_needs_few_other_sessions(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving.read import adjusted as reading  # noqa: PLC0415 - what is watched

    create_tables(lake, (BARS, CORPORATE_ACTIONS))
    for interval in ("1day", "1min"):
        add(lake, BARS, *(bar("AAPL", day, interval, "100", known_from=LEARNED) for day in DAYS))
    add(lake, CORPORATE_ACTIONS, action("dividend", DAYS[20], amount=Decimal(1)))
    asked: list[str] = []
    original = reading._read

    def watched(lake: Lake, wanted: Any, keys: Any, needed: str) -> chunks.Chunks:
        asked.append(needed)
        return original(lake, wanted, keys, needed)

    monkeypatch.setattr(reading, "_read", watched)
    found = open_reader(lake).bars("AAPL", adjusted="total").table
    assert found["close"].to_pylist()[19:21] == [Decimal(99), Decimal(100)]
    assert [day for day in DAYS if str(day) in asked[0] and (day.month, day.day) != (1, 1)] == [DAYS[19]]
