"""Bars without an engine session, now and as of an instant."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.silver import BARS
from serving.bars.as_of import COLUMNS, adjusted_bars, bars, has_actions
from serving.errors import ServingError
from tests.builders.sample_lake import CORRECTED, DAYS, FETCHED


def closes(lake: Lake, **wanted: object) -> list[Decimal]:
    found = bars(lake, "AAPL", interval="1day", **wanted)  # type: ignore[arg-type]
    return [close.quantize(Decimal("0.01")) for close in found["close"].to_pylist()]


def test_current_bars_have_the_corrected_value(sample: Lake) -> None:
    assert closes(sample) == [Decimal("250.10"), Decimal("251.20"), Decimal("252.30")]


def test_bars_as_of_before_the_correction_have_the_old_value(sample: Lake) -> None:
    before = CORRECTED - timedelta(microseconds=1)
    assert closes(sample, as_of=before) == [Decimal("250.10"), Decimal("251.20"), Decimal("252.00")]


def test_bars_as_of_the_correction_have_only_the_new_value(sample: Lake) -> None:
    assert closes(sample, as_of=CORRECTED) == [Decimal("250.10"), Decimal("251.20"), Decimal("252.30")]


def test_before_the_first_fetch_there_are_no_bars(sample: Lake) -> None:
    assert closes(sample, as_of=FETCHED - timedelta(seconds=1)) == []


def test_a_range_of_sessions_includes_both_ends(sample: Lake) -> None:
    assert closes(sample, start=DAYS[1], end=DAYS[2]) == [Decimal("251.20"), Decimal("252.30")]
    assert closes(sample, end=date(2025, 12, 31)) == []


def test_bars_are_oldest_first_within_each_interval(sample: Lake) -> None:
    found = bars(sample, "AAPL")
    order = list(zip(found["interval"].to_pylist(), found["timestamp"].to_pylist(), strict=True))
    assert order == sorted(order)
    assert found.column_names == list(COLUMNS)
    assert {"partition_dt", "run_id"} == set(BARS.columns) - set(COLUMNS)


@pytest.mark.parametrize("symbol", ["../x", "A' OR 'a'='a", 'A"B', "", "A\n", "A" * 10_000, "A B"])
def test_a_hostile_symbol_is_refused_in_one_short_line(sample: Lake, symbol: str) -> None:
    with pytest.raises(ServingError, match="is not a symbol") as error:
        bars(sample, symbol)
    assert len(str(error.value)) < 200
    assert "\n" not in str(error.value)


def test_the_error_for_an_unknown_symbol_names_the_nearest(sample: Lake) -> None:
    with pytest.raises(ServingError, match="no bars of APPL; did you mean AAPL"):
        bars(sample, "APPL")


def test_an_instant_without_a_zone_is_refused(sample: Lake) -> None:
    with pytest.raises(ServingError, match="time zone"):
        bars(sample, "AAPL", as_of=datetime(2026, 1, 6))  # noqa: DTZ001 - what is tested


def test_a_hostile_interval_is_escaped(sample: Lake) -> None:
    assert bars(sample, "AAPL", interval="1day' OR 'a'='a").num_rows == 0


def test_a_damaged_table_says_what_to_do(sample: Lake, lake: Lake) -> None:
    import shutil  # noqa: PLC0415 - this test only
    from pathlib import Path  # noqa: PLC0415 - this test only

    shutil.copytree(sample.root, lake.root)
    for file in Path(lake.uri(BARS)).rglob("*.parquet"):
        file.unlink()
    with pytest.raises(LakeError, match=r"silver\.bars: .* restore"):
        bars(lake, "AAPL")


def test_a_range_that_ends_before_it_starts_is_refused(sample: Lake) -> None:
    with pytest.raises(ServingError, match="before it starts on 2024-03-05; swap"):
        bars(sample, "AAPL", start=date(2024, 3, 5), end=date(2024, 3, 4))
    with pytest.raises(ServingError, match="swap"):
        adjusted_bars(sample, "AAPL", "split", start=date(2024, 3, 5), end=date(2024, 3, 4))


def test_a_symbol_without_splits_or_dividends_has_no_actions(sample: Lake) -> None:
    assert not has_actions(sample, "AAPL")
