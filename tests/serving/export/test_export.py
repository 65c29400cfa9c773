"""Exports: the exact objects of each layout, the same bytes each time, and the manifest last."""

import hashlib
import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from config.secrets import Secrets
from config.settings import S3Settings
from delta_tables.storage.arrow_io import append_rows, read_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS
from serving.bars.as_of import adjusted_bars
from serving.errors import ServingError
from serving.export.destination import require_outside, target_for
from serving.export.formats import format_named
from serving.export.layouts import BAR_COLUMNS, DAILY, INTRADAY, exported_tables, key_segment, layout_named
from serving.export.manifest import MANIFEST_KEY
from serving.export.objects import objects, session_ranges, symbol_ranges
from serving.export.plan import NothingToExportError, plan_export
from serving.export.request import ExportRequest
from serving.export.run import export_replacing
from serving.export.source import open_source, sessions
from serving.export.text_encoding import csv_lines
from tests.builders.export_lake import (
    FIRST,
    NEXT_YEAR,
    SECOND,
    exported,
    files,
    fill,
    many_bars,
    two_providers,
    unzipped_lines,
    with_actions,
    without_daily_bars,
)
from tests.builders.sample_lake import CORRECTED, FETCHED

HEADER = b"timestamp,open,high,low,close,volume\n"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return fill(Lake(str(tmp_path_factory.mktemp("export") / "lake")))


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / MANIFEST_KEY).read_text())
    return found


def test_the_daily_layout_has_a_file_per_session_and_symbol(filled: Lake, tmp_path: Path) -> None:
    summary = exported(filled, tmp_path, "daily")
    assert files(tmp_path) == {
        "daily_ohlcv/2025-12-30/AAPL/ohlcv.csv": HEADER + b"2025-12-30T05:00:00Z,9.25,9.25,9.25,9.25,1000\n",
        "daily_ohlcv/2025-12-31/AAPL/ohlcv.csv": HEADER + b"2025-12-31T05:00:00Z,10.5,10.5,10.5,10.5,1000\n",
        "daily_ohlcv/2026-01-02/BRK.B/ohlcv.csv": HEADER + b"2026-01-02T05:00:00Z,500,500,500,500,1000\n",
        "daily_ohlcv/2026-01-02/PEPE-USD/ohlcv.csv": HEADER
        + b"2026-01-02T05:00:00Z,"
        + b"0.000000000001," * 4
        + b"0\n",
        "daily_ohlcv/2026-01-02/%5EGSPC/ohlcv.csv": HEADER
        + b"2026-01-02T05:00:00Z,"
        + b"6000.123456789012," * 4
        + b"\n",
    }
    assert (summary.total_objects, summary.total_rows, summary.is_simulated) == (5, 5, True)
    assert summary.total_bytes == sum(map(len, files(tmp_path).values()))
    assert summary.total_size_mb == round(summary.total_bytes / 1_000_000, 3)


def test_the_intraday_layout_has_a_file_per_symbol_and_session(filled: Lake, tmp_path: Path) -> None:
    summary = exported(filled, tmp_path, "intraday")
    assert files(tmp_path) == {
        "intraday/AAPL/2025-12-31/data.csv": HEADER + b"2025-12-31T14:30:00Z,3,3,3,3,1000\n",
        "intraday/AAPL/2026-01-02/data.csv": HEADER
        + b"2026-01-02T14:30:00.000250Z,1,1,1,1,1000\n2026-01-02T14:35:00Z,2,2,2,2,1000\n",
    }
    assert not summary.is_simulated


def test_a_table_as_json_has_one_object_per_line_with_all_columns(filled: Lake, tmp_path: Path) -> None:
    exported(filled, tmp_path, "gold.signals", "json")
    (name, content), *more = files(tmp_path).items()
    assert (name, more) == ("gold_signals/year=2025/month=12/day=31/data.json.gz", [])
    ratio, spike = unzipped_lines(content)
    assert content[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # neither time nor name
    assert list(spike) == list(layout_named("gold.signals").columns)
    expected: dict[str, Any] = {"symbol": "AAPL", "trade_dt": "2025-12-31", "value": None, "threshold": "40"}
    expected |= {"is_triggered": True, "reason": 'a "spike", twice\nover', "is_simulated": False}
    assert {key: spike[key] for key in expected} == expected
    assert (ratio["reason"], ratio["value"]) == ("", "42")


def test_a_table_as_csv_quotes_only_where_needed_and_distinguishes_null_from_empty(
    filled: Lake, tmp_path: Path
) -> None:
    exported(filled, tmp_path, "gold.signals", "csv")
    (content,) = files(tmp_path).values()
    text = content.decode()
    columns = layout_named("gold.signals").columns
    assert text.startswith(",".join(columns) + "\n")
    assert ',40,true,"a ""spike"", twice\nover",' in text
    assert ',42,40,false,"",' in text
    assert ",Volume Spike % Alert,,40," in text


def test_a_table_as_parquet_keeps_types_and_reads_as_a_partitioned_dataset(
    filled: Lake, tmp_path: Path
) -> None:
    exported(filled, tmp_path, "silver.bars")
    found = ds.dataset(tmp_path / "silver_bars", partitioning="hive", exclude_invalid_files=True).to_table(
        filter=(ds.field("year") == 2026) & (ds.field("interval") == "1day")
    )
    assert found.schema.field("close").type == pa.decimal128(24, 12)
    assert sorted(found["close"].to_pylist()) == [
        Decimal("0.000000000001"),
        Decimal(500),
        Decimal("6000.123456789012"),
    ]
    one = tmp_path / "silver_bars/year=2026/month=01/day=02/data.parquet"
    assert pq.ParquetFile(one).metadata.row_group(0).column(0).compression == "ZSTD"
    left_out = {"run_id", "partition_dt", "known_to"}
    assert set(pq.read_schema(one).names) == set(BARS.columns) - left_out


def test_the_manifest_names_every_object_with_rows_size_and_hash(filled: Lake, tmp_path: Path) -> None:
    summary = exported(filled, tmp_path, "daily", symbols=("AAPL",), start=FIRST, end=SECOND, as_of=CORRECTED)
    found = manifest(tmp_path / "daily_ohlcv")
    held = files(tmp_path / "daily_ohlcv")
    assert found.pop("objects") == [
        {
            "key": key,
            "row_count": 1,
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for key, content in held.items()
    ]
    assert found == {
        "manifest_version": 1,
        "layout": "daily",
        "table": "silver.bars",
        "table_versions": {"silver.bars": summary.table_version},
        "format": "csv",
        "escapes_formulas": True,
        "columns": list(BAR_COLUMNS),
        "selection": {
            "symbols": ["AAPL"],
            "start": "2025-12-30",
            "end": "2025-12-31",
            "as_of": CORRECTED.isoformat(),
            "interval": None,
            "provider": None,
            "adjusted": None,
        },
        "intervals": ["1day"],
        "providers": ["alphavantage"],
        "adjustments": ["raw"],
        "is_simulated": False,
        "total_objects": 2,
        "total_rows": 2,
        "total_bytes": summary.total_bytes,
        "total_size_mb": summary.total_size_mb,
    }


@pytest.mark.parametrize("file_format", ["csv", "json", "parquet"])
def test_the_same_rows_give_the_same_bytes_however_they_are_stored(
    filled: Lake, lake: Lake, tmp_path: Path, file_format: str
) -> None:
    stored = read_rows(filled, BARS).to_pylist()
    random.Random(7).shuffle(stored)
    create_tables(lake)
    for row in stored:
        append_rows(lake, BARS, [row | {"run_id": "another"}])
    for name, each, threads in (("one", filled, 1), ("two", lake, 4)):
        exported(each, tmp_path / name, "silver.bars", file_format, threads)
    assert files(tmp_path / "one") == files(tmp_path / "two") != {}
    exported(lake, tmp_path / "again", "silver.bars", file_format)
    manifests = [(tmp_path / name / "silver_bars" / MANIFEST_KEY).read_bytes() for name in ("two", "again")]
    assert manifests[0] == manifests[1]


def test_as_of_exports_only_what_was_known_then(filled: Lake, tmp_path: Path) -> None:
    summary = exported(filled, tmp_path, "silver.bars", "json", symbols=("AAPL",), end=FIRST, as_of=FETCHED)
    (content,) = files(tmp_path).values()
    (row,) = unzipped_lines(content)
    assert (row["close"], summary.total_rows) == ("9", 1)
    assert "known_to" not in row


def test_a_large_session_is_read_in_batches_with_the_same_objects(lake: Lake) -> None:
    many_bars(lake, symbols=7, sessions=3, bars_a_session=20)
    for layout in (INTRADAY, layout_named("silver.bars")):
        request = ExportRequest()
        found = {}
        for rows_at_once in (1, 50, 300, 100_000):
            source = open_source(lake, layout, request, rows_at_once)
            batches = {each.key: list(each.batches) for each in objects(source, sessions(source))}
            assert all(piece.num_rows <= max(rows_at_once, 20) for each in batches.values() for piece in each)
            found[rows_at_once] = {key: pa.concat_tables(each).to_pylist() for key, each in batches.items()}
        assert len(found[1]) == (21 if layout is INTRADAY else 3)
        assert all(list(each.items()) == list(found[1].items()) for each in found.values())


def test_session_and_symbol_ranges_have_at_most_max_rows_or_one_member() -> None:
    days = [{"trade_dt": day, "row_count": rows} for day, rows in ((FIRST, 3), (SECOND, 2), (NEXT_YEAR, 9))]
    assert [(each.first, each.last, each.rows) for each in session_ranges(days, 5)] == [
        (FIRST, SECOND, 5),
        (NEXT_YEAR, NEXT_YEAR, 9),
    ]
    counts = [
        {"symbol": symbol, "row_count": rows} for symbol, rows in (("A", 9), ("B", 1), ("C", 4), ("D", 1))
    ]
    assert symbol_ranges(counts, 5) == [("A", "A"), ("B", "C"), ("D", "D")]
    assert symbol_ranges([], 5) == []
    assert session_ranges([], 5) == []


@pytest.mark.parametrize("layout", [DAILY, INTRADAY])
def test_symbols_stay_in_their_folder_and_never_collide(layout: Any) -> None:
    hostile = (
        "..",
        ".",
        "../x",
        "a/b",
        "a\\b",
        "a%2Fb",
        "a b",
        "EURUSD=X",
        "é",
        "X:Y",
        "a\x00",
        "A",
        "a",
        "%",
    )
    keys = [layout.key(FIRST, symbol) for symbol in hostile]
    assert len(set(keys)) == len(hostile)
    for key in keys:
        assert key.count("/") == 2
        assert not {".", "..", ""} & set(key.split("/"))
        assert set(key) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~%/")
    assert [key_segment(symbol) for symbol in ("BRK.B", "^GSPC", "BTC-USD", "..")] == [
        "BRK.B",
        "%5EGSPC",
        "BTC-USD",
        "%2E%2E",
    ]


def test_objects_of_an_earlier_export_stay_unless_replaced(filled: Lake, tmp_path: Path) -> None:
    exported(filled, tmp_path, "daily")
    foreign = tmp_path / "daily_ohlcv/2026-01-02/BRK.B/notes.csv"
    foreign.write_text("mine")
    killed = tmp_path / "daily_ohlcv/2025-12-30/AAPL/.ohlcv.csv.0a1b2c3d.part"
    killed.write_text("half")
    exported(filled, tmp_path, "daily", symbols=("AAPL",), start=SECOND)
    assert len(files(tmp_path)) == 6, "the temporary file of the killed export is gone"
    assert manifest(tmp_path / "daily_ohlcv")["total_objects"] == 1
    target = target_for(str(tmp_path), DAILY, S3Settings(), Secrets(_env_file=None))
    plan = plan_export(filled, DAILY, ExportRequest(("AAPL",), start=SECOND))
    assert export_replacing(plan, target, format_named("csv"), 2).removed_objects == 4
    assert set(files(tmp_path)) == {
        "daily_ohlcv/2025-12-31/AAPL/ohlcv.csv",
        "daily_ohlcv/2026-01-02/BRK.B/notes.csv",
    }


def test_bars_of_two_providers_are_never_mixed_in_a_file(lake: Lake, tmp_path: Path) -> None:
    two_providers(lake)
    with pytest.raises(ServingError, match=r"AAPL has bars of provider alphavantage and yahoo.*--provider"):
        exported(lake, tmp_path, "daily")
    assert files(tmp_path / "daily_ohlcv") == {}
    exported(lake, tmp_path, "daily", provider="yahoo")
    assert b",4.5," in files(tmp_path)["daily_ohlcv/2025-12-30/AAPL/ohlcv.csv"]
    assert manifest(tmp_path / "daily_ohlcv")["adjustments"] == ["split"]


@pytest.mark.parametrize("adjusted", ["split", "total"])
def test_adjusted_exports_equal_the_adjusted_bars(lake: Lake, tmp_path: Path, adjusted: str) -> None:
    with_actions(fill(lake))
    exported(lake, tmp_path / "out", "daily", symbols=("AAPL",), adjusted=adjusted)
    exported(lake, tmp_path / "out", "intraday", adjusted=adjusted)
    held = files(tmp_path / "out")
    texts = [line for content in held.values() for line in content.decode().splitlines()[1:]]
    expected = adjusted_bars(lake, "AAPL", adjusted).select(list(BAR_COLUMNS))
    assert sorted(texts) == sorted(csv_lines(expected))
    assert len(texts) == 5
    first, second = {"split": ("4.625", "5.25"), "total": ("4.405", "5.25")}[adjusted]
    assert held["daily_ohlcv/2025-12-30/AAPL/ohlcv.csv"].endswith(f",{first},2000\n".encode())
    assert held["daily_ohlcv/2025-12-31/AAPL/ohlcv.csv"].endswith(f",{second},2000\n".encode())
    found = manifest(tmp_path / "out/daily_ohlcv")
    assert found["adjustments"] == [found["selection"]["adjusted"]] == [adjusted]
    assert set(found["table_versions"]) == {"silver.bars", "silver.corporate_actions"}


@pytest.mark.parametrize(("adjusted", "closes"), [("split", ["10", "20"]), ("total", ["9.5", "19"])])
def test_a_payment_is_a_share_of_the_close_before_it_however_few_sessions_are_read_at_once(
    lake: Lake, adjusted: str, closes: list[str]
) -> None:
    request = ExportRequest(adjusted=adjusted)
    source = open_source(without_daily_bars(lake), INTRADAY, request, rows_at_once=1)
    rows = [
        line for each in objects(source, sessions(source)) for line in csv_lines(next(iter(each.batches)))
    ]
    assert [line.split(",")[4] for line in rows] == closes


@pytest.mark.parametrize(
    ("what", "wanted", "said"),
    [
        ("daily", {"symbols": ("APPL",)}, "daily: there are no rows of APPL; did you mean AAPL"),
        ("daily", {"symbols": ("../x",)}, "is not a symbol"),
        ("daily", {"start": SECOND, "end": FIRST}, "is after the last"),
        ("gold.signals", {"as_of": CORRECTED}, "keeps no history; omit --as-of"),
        ("gold.signals", {"interval": "5min"}, "gold.signals has no column interval"),
        ("silver.bar", {}, "cannot be exported; choose one of intraday, daily, silver.bars"),
        ("silver.fundamentals", {}, "cannot be exported"),
        ("bronze.raw_payloads", {}, "cannot be exported"),
        ("gold.tick_features", {}, "selects no rows of gold.tick_features"),
        ("daily", {"adjusted": "both"}, "--adjusted must be split or total, not 'both'"),
        ("silver.bars", {"adjusted": "split"}, "--adjusted applies to intraday and daily"),
    ],
)
def test_a_wrong_request_is_refused_and_nothing_is_written(
    filled: Lake, tmp_path: Path, what: str, wanted: dict[str, Any], said: str
) -> None:
    with pytest.raises(ServingError, match=said):
        exported(filled, tmp_path, what, **wanted)
    assert files(tmp_path) == {}


def test_an_empty_request_leaves_an_earlier_export_unchanged(filled: Lake, tmp_path: Path) -> None:
    exported(filled, tmp_path, "daily")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(NothingToExportError):
        exported(filled, tmp_path, "daily", start=NEXT_YEAR.replace(year=2030))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_known_symbol_without_rows_in_the_range_is_named(filled: Lake, tmp_path: Path) -> None:
    summary = exported(filled, tmp_path, "daily", symbols=("BRK.B", "AAPL"), end=SECOND)
    assert summary.symbols_without_rows == ("BRK.B",)


def test_a_lake_without_the_table_says_what_to_do(absent: Lake, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"there is no silver\.bars at .* `lakehouse run`"):
        exported(absent, tmp_path, "daily")


@pytest.mark.parametrize(
    "destination", ["gs://bucket/x", "s3://", "s3:///x", "s3://bucket/../x", "http://h/x"]
)
def test_an_invalid_destination_is_refused(destination: str) -> None:
    with pytest.raises(ServingError, match="destination must be a folder or"):
        target_for(destination, DAILY, S3Settings(), Secrets(_env_file=None))


def test_nothing_is_exported_into_a_bucket_s_lake_or_around_it() -> None:
    bucket = Lake("s3a://market/lake")
    for inside in ("s3://market/lake/x", "s3a://market//lake", "s3://market/lake/"):
        with pytest.raises(ServingError, match="inside the lake"):
            require_outside(inside, DAILY, bucket, ())
    with pytest.raises(ServingError, match="is inside s3://market/daily_ohlcv"):
        require_outside("s3://market", DAILY, Lake("s3a://market/daily_ohlcv/lake"), ())
    for outside in ("s3://market/lake2", "s3://other/lake", "s3://market"):
        require_outside(outside, DAILY, bucket, ())


def test_every_exported_table_has_a_layout_a_symbol_and_a_session() -> None:
    for table in exported_tables():
        layout = layout_named(table.full_name)
        assert {"symbol", "trade_dt"} <= set(layout.columns)
        assert layout.folder == table.dataset
