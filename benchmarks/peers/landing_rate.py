"""Answers to a table of payloads, 200 a commit, by delta-rs + Polars and by DuckDB: no threads, no ledger."""

import hashlib
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from benchmarks.lakes import kept_payloads

ANSWERS = "answers.json"
ANSWER = (
    *("payload_id", "provider", "dataset", "symbol", "interval", "request", "status", "content_type"),
    *("fetched_at", "is_simulated", "body"),
)
_A_COMMIT = 200


def by_polars(inputs: Path, folder: Path) -> Generator[None]:
    """An append to a Delta table each time."""
    answers = received(inputs)
    yield
    for batch in batches(answers):
        batch.write_delta(str(folder / "raw_payloads"), mode="append")
    yield


def by_duckdb(inputs: Path, folder: Path) -> Generator[None]:
    """A Parquet file each time."""
    answers = received(inputs)
    (folder / "raw_payloads").mkdir()
    yield
    with duckdb.connect() as connection:
        for number, batch in enumerate(batches(answers)):
            connection.register("batch", batch.to_arrow())
            connection.execute(f"COPY batch TO '{folder}/raw_payloads/{number:05}.parquet'")
    yield


def received(inputs: Path) -> list[dict[str, Any]]:
    """The answers, without the id that is made of their bytes."""
    return [{**each, "payload_id": None} for each in kept_payloads(inputs / ANSWERS)]


def batches(answers: list[dict[str, Any]]) -> Iterator[pl.DataFrame]:
    """Rows of so many answers as go into a commit."""
    for start in range(0, len(answers), _A_COMMIT):
        some = [_row(each) for each in answers[start : start + _A_COMMIT]]
        yield pl.DataFrame(some)


def _row(each: Mapping[str, Any]) -> dict[str, Any]:
    return {**each, "payload_id": hashlib.sha256(each["body"]).hexdigest()}
