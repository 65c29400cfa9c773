"""The right to build a lake, and an engine to build it with, for one run at a time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout
from pyspark.sql import SparkSession

from delta_tables.storage.lake import Lake, LakeError
from jobs.runs.run_context import RunContext

LOCK_SECONDS = 15 * 60


@contextmanager
def writer_session(
    ctx: RunContext, wait_seconds: float = LOCK_SECONDS, span_seconds: float | None = None
) -> Iterator[tuple[RunContext, SparkSession]]:
    """The context to write with and an engine for one run, while no other run builds the lake anywhere.

    Raises:
        LakeError: as `sole_writer`.
    """
    with sole_writer(ctx, wait_seconds, span_seconds) as writer, writer_engine(writer) as spark:
        yield writer, spark


@contextmanager
def sole_writer(
    ctx: RunContext, wait_seconds: float = LOCK_SECONDS, span_seconds: float | None = None
) -> Iterator[RunContext]:
    """The context to write with, while no other run builds the lake anywhere.

    Every publication with that context's lake first checks that the right to write is still held: in a
    bucket it can be lost `span_seconds` after this process last renewed it. What killed runs have staged is
    removed.

    Raises:
        LakeError: another run has been building this lake for `wait_seconds` (in a bucket it is named), the
            store went away, or the right to write was lost.
    """
    with _only_writer(ctx, wait_seconds, span_seconds) as lake:
        lake.drop_staging()  # nobody else can be staging now
        try:
            yield replace(ctx, lake=lake)
        except Exception as error:
            _raise_if_store_is_away(lake, error)
            raise


@contextmanager
def writer_engine(writer: RunContext) -> Iterator[SparkSession]:
    """An engine for a run that is its lake's sole writer; what the run stages is removed at its end."""
    from jobs.engine.session import engine_session  # noqa: PLC0415 - not needed where nothing is pending

    lake = writer.lake
    with engine_session(writer.settings, lake) as spark:
        try:
            yield spark
        finally:
            with suppress(LakeError):  # the next run removes it; an error of this one is not hidden
                lake.drop_staging(writer.run_id)


def _raise_if_store_is_away(lake: Lake, error: Exception) -> None:
    """Raises an error that names the lost store or lease, in place of what an engine says of it."""
    try:
        lake.require_writer()
    except LakeError as reason:
        raise reason from error


@contextmanager
def _only_writer(ctx: RunContext, wait_seconds: float, span_seconds: float | None) -> Iterator[Lake]:
    """The lake, with the right to write it: a lock of the machine and, in a bucket, a lease."""
    lake, until = ctx.lake, time.monotonic() + wait_seconds
    with _only_writer_of_machine(ctx, wait_seconds):
        if not lake.is_s3:
            yield lake
            return
        left_seconds = max(0.0, until - time.monotonic())
        from delta_tables.storage.lease import SECONDS, lease  # noqa: PLC0415 - imports boto3

        with lease(lake, "build", left_seconds, span_seconds or SECONDS) as held:
            yield replace(lake, require_writer=held.require)


@contextmanager
def _only_writer_of_machine(ctx: RunContext, wait_seconds: float) -> Iterator[None]:
    """A lock that the operating system releases even after kill -9."""
    folder = ctx.settings.state_dir if ctx.lake.is_s3 else Path(ctx.lake.root)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "_build.lock")
    try:
        with lock.acquire(timeout=wait_seconds):
            yield
    except Timeout:
        raise LakeError(
            f"another run has been building {ctx.lake.root} for {wait_seconds / 60:.0f} minutes; "
            "what was fetched is in Bronze; run `lakehouse build` after the other run has finished"
        ) from None
