"""History as a function of the observations alone: compared with a plain model of it."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from delta_tables.tables.silver import FUNDAMENTALS
from jobs.history.bitemporal import (
    CHANGE_TYPE,
    IS_DELETED,
    bitemporal_changes,
    has_repeated_keys,
    initial_rows,
    with_tombstones,
)
from tests.builders.payloads import at

_PLAIN = ("symbol", "known_from", "eps", "payload_id")
Observation = tuple[str, int, int | None, str]  # no eps: the key is gone from then on


def frame(engine: SparkSession, observations: list[Observation]) -> DataFrame:
    rows = [(symbol, at(hours), eps, payload) for symbol, hours, eps, payload in observations]
    schema = "symbol string, known_from timestamp, eps int, payload_id string"
    narrow_df = engine.createDataFrame(rows, schema)
    fixed = {"provider": "'p'", "position": "'/'", "is_simulated": "false"}
    names = [name for name in FUNDAMENTALS.columns if name not in {"known_to", "run_id"}]
    return narrow_df.selectExpr(
        *(
            f"cast({name if name in _PLAIN else fixed.get(name, 'null')} as "
            f"{FUNDAMENTALS.schema[name].dataType.simpleString()}) as {name}"
            for name in names
        ),
        f"eps is null as {IS_DELETED}",
    )


def model(observations: list[Observation]) -> set[tuple[Any, ...]]:
    """The history as one would write it down by hand: (symbol, from, to, eps, payload)."""
    history = set()
    for symbol in {each[0] for each in observations}:
        by_instant: dict[int, tuple[str, str]] = {}
        for _, hours, eps, payload in (o for o in observations if o[0] == symbol):
            by_instant[hours] = max(by_instant.get(hours, ("", "")), (payload, _rank(eps)))
        runs: list[tuple[int, str, str]] = []
        for hours in sorted(by_instant):
            payload, eps_text = by_instant[hours]
            eps_text = eps_text.removeprefix("~").replace("gone", "None")
            if eps_text == "None" and not runs:
                continue
            if not runs or runs[-1][1] != eps_text:
                runs.append((hours, eps_text, payload))
        ends = ([run[0] for run in runs[1:]] + [None])[: len(runs)]
        history |= {
            (symbol, at(start), None if end is None else at(end), int(eps), payload)
            for (start, eps, payload), end in zip(runs, ends, strict=True)
            if eps != "None"
        }
    return history


def _rank(eps: int | None) -> str:
    """Of one payload's two values for a key at an instant the greater text holds; gone is the least."""
    return "gone" if eps is None else f"~{eps}"


class Stored:
    """A table in memory that takes changes the way the MERGE does."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, datetime], dict[str, Any]] = {}

    def frame(self, engine: SparkSession) -> DataFrame:
        schema = ", ".join(f"{f.name} {f.dataType.simpleString()}" for f in FUNDAMENTALS.schema)
        return engine.createDataFrame([tuple(row.values()) for row in self.rows.values()], schema)

    def take(self, changes: list[Any]) -> None:
        for change in changes:
            row = change.asDict()
            change_type = row.pop(CHANGE_TYPE)
            key = (row["symbol"], row["known_from"])
            if change_type == "delete":
                del self.rows[key]
            else:
                self.rows[key] = row

    def history(self) -> set[tuple[Any, ...]]:
        return {
            (r["symbol"], _utc(r["known_from"]), _utc(r["known_to"]), int(r["eps"]), r["payload_id"])
            for r in self.rows.values()
        }


def _utc(instant: datetime | None) -> datetime | None:
    return instant and instant.replace(tzinfo=at(0).tzinfo)


def observations() -> st.SearchStrategy[list[Observation]]:
    one = st.tuples(
        st.sampled_from("AB"),
        st.integers(0, 5),
        st.one_of(st.none(), st.integers(1, 3)),
        st.sampled_from(["p1", "p2", "p3"]),
    )
    return st.lists(one, min_size=1, max_size=10)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],  # a paused machine is
)
@given(observed=observations(), cut=st.integers(0, 10))
def test_history_of_complete_knowledge_is_that_of_the_model(
    spark: SparkSession, observed: list[Observation], cut: int
) -> None:
    """Two batches in order of knowledge: all of the first is older than all of the second."""
    stored = Stored()
    in_order = sorted(observed, key=lambda each: each[1])
    border = in_order[min(cut, len(in_order) - 1)][1]
    batches = [[o for o in observed if o[1] < border], [o for o in observed if o[1] >= border]]
    for batch in filter(None, batches):
        changes_df = bitemporal_changes(frame(spark, batch), stored.frame(spark), FUNDAMENTALS, "run")
        stored.take(changes_df.collect())
    assert stored.history() == model(observed)


def test_of_keys_that_come_once_the_first_rows_are_the_history(engine: SparkSession) -> None:
    batch: list[Observation] = [("A", 0, 1, "p1"), ("B", 1, 2, "p2")]
    observed_df = frame(engine, batch)
    assert not has_repeated_keys(observed_df, FUNDAMENTALS)
    found, wanted = Stored(), Stored()
    found.take(initial_rows(observed_df, FUNDAMENTALS, "run").collect())
    wanted.take(bitemporal_changes(observed_df, wanted.frame(engine), FUNDAMENTALS, "run").collect())
    assert found.rows == wanted.rows
    assert len(found.rows) == 2


def test_two_instants_of_a_key_are_a_repeated_key(engine: SparkSession) -> None:
    assert has_repeated_keys(frame(engine, [("A", 0, 1, "p1"), ("A", 1, 1, "p1")]), FUNDAMENTALS)


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_repeated_batch_changes_nothing(engine: SparkSession, repeats: int) -> None:
    batch: list[Observation] = [("A", 0, 1, "p1"), ("A", 2, 2, "p2"), ("B", 1, 1, "p1"), ("A", 1, 1, "p3")]
    stored = Stored()
    first_df = bitemporal_changes(frame(engine, batch), stored.frame(engine), FUNDAMENTALS, "run")
    stored.take(first_df.collect())
    assert stored.history() == model(batch)
    again_df = bitemporal_changes(frame(engine, batch * repeats), stored.frame(engine), FUNDAMENTALS, "run")
    assert again_df.collect() == []


def test_what_a_later_complete_delivery_lacks_is_closed_and_may_come_back(engine: SparkSession) -> None:
    def deliver(stored: Stored, hours: int, batch: list[Observation]) -> None:
        snapshots_df = engine.createDataFrame(
            [("p", at(hours), f"p{hours}")], "provider string, known_from timestamp, payload_id string"
        )
        observed_df = frame(engine, batch).drop(IS_DELETED)
        stored_df = stored.frame(engine)
        all_df = with_tombstones(observed_df, snapshots_df, stored_df, FUNDAMENTALS, ["provider"])
        stored.take(bitemporal_changes(all_df, stored_df, FUNDAMENTALS, "run").collect())

    stored = Stored()
    deliver(stored, 0, [("A", 0, 1, "p0"), ("B", 0, 2, "p0")])
    deliver(stored, 1, [("A", 1, 1, "p1")])
    assert stored.history() == {("A", at(0), None, 1, "p0"), ("B", at(0), at(1), 2, "p0")}
    deliver(stored, 2, [("A", 2, 1, "p2"), ("B", 2, 2, "p2")])
    back = {("B", at(0), at(1), 2, "p0"), ("B", at(2), None, 2, "p2")}
    assert stored.history() == {("A", at(0), None, 1, "p0"), *back}
