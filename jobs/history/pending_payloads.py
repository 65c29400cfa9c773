"""Which Bronze payloads a build has to read, found in the table's change data feed."""

from dataclasses import dataclass
from datetime import UTC, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType, TimestampType

from delta_tables.storage.arrow_io import arrow_schema, query_rows, read_rows
from delta_tables.storage.arrow_stream import arrow_table
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import RAW_PAYLOADS
from jobs.history.payload_bodies import body_bounds, with_bodies

_SERIES = ("provider", "dataset", "symbol", "interval")
_LANDED = (*_SERIES, "payload_id", "fetched_at", "body_fetched_at")
# The payloads whose body is that of the payload before them in their series.
_REPEATS = """
SELECT provider, dataset, symbol, "interval", payload_id, fetched_at
FROM (
    SELECT *,
        lag(payload_id) OVER series AS id_before,
        lag(fetched_at) OVER series AS before_at
    FROM stored
    WHERE fetched_at >= {first}
    WINDOW series AS (PARTITION BY provider, dataset, symbol, "interval" ORDER BY fetched_at, payload_id)
)
WHERE body_fetched_at IS NOT NULL AND payload_id = id_before AND {same_time}
"""
_SAME_TIME = timedelta(minutes=1)
_REPARTITION_LIMIT = 4096
_REPARTITION_TASKS = 4
_SINCE = StructType(
    [
        *(StructField(name, StringType()) for name in _SERIES),
        StructField("since", TimestampType()),
    ]
)


@dataclass(frozen=True)
class BronzeWindow:
    """The payloads to build that landed after the version built last, up to `version`.

    `since` has one row per series (provider, dataset, symbol, interval) with a new payload, and the earliest
    fetched_at among its new payloads (fetched_at_min); None means all of Bronze. `provider_datasets` are the
    (provider, dataset) pairs of the new payloads.
    """

    version: int
    payload_count: int
    since: pa.Table | None
    provider_datasets: frozenset[tuple[str, str]] = frozenset()

    @property
    def parsing_tasks(self) -> int | None:
        """The number of tasks to spread the payloads over for parsing; None leaves them as stored.

        A few thousand payloads are stored in few files, each of which a single core would parse.
        """
        return _REPARTITION_TASKS if self.payload_count <= _REPARTITION_LIMIT else None


def pending_window(lake: Lake, built_version: int | None, *, of_bars: bool = True) -> BronzeWindow:
    """The payloads that landed since `built_version` (None: all payloads) and can change a Silver table.

    A payload with the body of the payload before it in its series says nothing new. It is left out if the
    table has no bars, or if both were fetched within one minute of the clock: bars end on whole minutes, and
    a bar that had not ended at the first fetch may have ended at the second.

    If the change data feed of a version is no longer available, because its files have been vacuumed, the
    window is all of Bronze. That takes longer and changes no row that was built before.

    Raises:
        TableNotFoundError, LakeError: Bronze does not exist or cannot be read.
    """
    stored = open_table(lake, RAW_PAYLOADS)
    version = stored.version()
    if built_version is not None and version <= built_version:
        return BronzeWindow(version, 0, None)
    landed = None if built_version is None else _payloads_landed_after(stored, built_version, version)
    if landed is None:
        everything = read_rows(lake, RAW_PAYLOADS, ["provider", "dataset"])
        return BronzeWindow(version, everything.num_rows, None, _provider_datasets(everything))
    if landed["body_fetched_at"].null_count < landed.num_rows:
        landed = _without_repeats(lake, landed, of_bars)
    if landed.num_rows == 0:
        return BronzeWindow(version, 0, None)
    since = landed.group_by(list(_SERIES)).aggregate([("fetched_at", "min")])
    return BronzeWindow(version, landed.num_rows, since, _provider_datasets(landed))


def _without_repeats(lake: Lake, landed: pa.Table, of_bars: bool) -> pa.Table:
    """The landed payloads without those that repeat the payload before them in their series."""
    first = min(pc.min(landed[name]).as_py() for name in ("fetched_at", "body_fetched_at")) - _SAME_TIME
    sql = _REPEATS.format(
        first=f"timestamp '{first.astimezone(UTC).isoformat()}'",
        same_time="date_trunc('minute', fetched_at) = date_trunc('minute', before_at)" if of_bars else "true",
    )
    repeats = query_rows(lake, RAW_PAYLOADS, sql)
    keys = set() if repeats is None else {tuple(row.values()) for row in repeats.to_pylist()}
    rows = landed.select([*_SERIES, "payload_id", "fetched_at"]).to_pylist()
    is_repeat = [tuple(row.values()) in keys for row in rows]
    return landed.filter(pc.invert(pa.array(is_repeat)))


def _payloads_landed_after(stored: DeltaTable, built_version: int, version: int) -> pa.Table | None:
    """_LANDED of the payloads of later versions; None if the feed is no longer available."""
    names = list(_LANDED)
    try:
        feed = stored.load_cdf(
            starting_version=built_version + 1,
            ending_version=version,
            columns=[f'"{name}"' for name in names],
        )
        landed = arrow_table(feed).select(names)
    except (DeltaError, OSError, pa.ArrowException):  # files vacuumed, log entries expired
        return None
    return landed.cast(pa.schema(arrow_schema(RAW_PAYLOADS).field(name) for name in names))


def read_payloads(spark: SparkSession, lake: Lake, window: BronzeWindow) -> DataFrame:
    """The window's rows of bronze.raw_payloads and all later ones of the same series, each with its body.

    The later ones may be built already. A payload that arrives late can split an interval in which Silver
    dropped repeats of the same values. With the later payloads beside it, the history is the same as if it
    had arrived in time. Normally there are no later payloads.
    """
    reader = spark.read.format("delta").option("versionAsOf", window.version)
    stored_df = reader.load(lake.uri(RAW_PAYLOADS))
    if window.since is None:
        return with_bodies(stored_df, stored_df, body_bounds(lake))
    rows = [tuple(row.values()) for row in window.since.select([*_SERIES, "fetched_at_min"]).to_pylist()]
    since_df = spark.createDataFrame(rows, _SINCE).withColumnsRenamed({name: f"s_{name}" for name in _SERIES})
    same_series = F.lit(True)
    for name in _SERIES:
        same_series &= F.col(name).eqNullSafe(F.col(f"s_{name}"))
    earliest = min(row[-1] for row in rows)
    payloads_df = stored_df.filter(F.col("fetched_at") >= F.lit(earliest)).join(
        F.broadcast(since_df), same_series & (F.col("fetched_at") >= F.col("since")), "left_semi"
    )
    return with_bodies(payloads_df, stored_df, body_bounds(lake, earliest))


def _provider_datasets(rows: pa.Table) -> frozenset[tuple[str, str]]:
    # not by Table.group_by, whose module imports pandas
    pairs = pc.unique(pc.binary_join_element_wise(rows["provider"], rows["dataset"], "/")).to_pylist()
    return frozenset((provider, dataset) for provider, _, dataset in (pair.partition("/") for pair in pairs))
