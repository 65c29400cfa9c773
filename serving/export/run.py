"""Exports a table's rows as plain objects in a folder or bucket, for readers that know no Delta."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import BinaryIO

from serving.export.formats import Format
from serving.export.local_target import ExportTarget
from serving.export.manifest import (
    MANIFEST_KEY,
    MANIFEST_TYPE,
    ManifestBuilder,
    WrittenObject,
    open_manifest,
    write_manifest,
)
from serving.export.objects import ExportObject, objects
from serving.export.plan import ExportPlan

_QUEUED_PER_THREAD = 4
OnWritten = Callable[[WrittenObject], None]


@dataclass(frozen=True)
class ExportSummary:
    """What an export wrote. Sizes are those of the objects, the manifest left out; MB are 1,000,000 bytes.

    `symbols_without_rows` were asked for, are known, and have no row in the range. `removed_objects` are
    those of earlier exports that were replaced.
    """

    layout: str
    table: str
    format: str
    destination: str
    table_version: int
    total_objects: int
    total_rows: int
    total_bytes: int
    total_size_mb: float
    is_simulated: bool
    symbols_without_rows: tuple[str, ...]
    removed_objects: int = 0


def _ignore(_: WrittenObject) -> None:
    return


def export(
    plan: ExportPlan, target: ExportTarget, file_format: Format, threads: int, on_written: OnWritten = _ignore
) -> ExportSummary:
    """Writes the planned objects to the target, then the manifest; what other objects are there stays.

    The manifest of an earlier export is removed first: from then until the end there is none. `on_written`
    is told of each object, in order.

    Raises:
        ServingError: the target cannot be written.
        LakeError: the table cannot be read.
    """
    target.remove(MANIFEST_KEY)
    with open_manifest() as manifest:
        for written in _write_all(objects(plan.source, plan.sessions), target, file_format, threads):
            manifest.add(written)
            on_written(written)
        head = _head(plan, file_format)
        target.put(MANIFEST_KEY, MANIFEST_TYPE, lambda sink: write_manifest(head, manifest, sink))
        return _summary(plan, file_format, target, manifest)


def export_replacing(
    plan: ExportPlan, target: ExportTarget, file_format: Format, threads: int, on_written: OnWritten = _ignore
) -> ExportSummary:
    """The same, and then removes what earlier exports in this layout left and this one does not have.

    Only names that the layout gives are removed, those of killed exports' temporary files among them.
    """
    keys: set[str] = set()

    def observe(written: WrittenObject) -> None:
        keys.add(written.key)
        on_written(written)

    summary = export(plan, target, file_format, threads, observe)
    pattern = re.compile(plan.source.layout.pattern)
    others = [key for key in target.names() if pattern.fullmatch(key) and key not in keys]
    for key in others:
        target.remove(key)
    return replace(summary, removed_objects=len(others))


def _write_all(
    found: Iterable[ExportObject], target: ExportTarget, file_format: Format, threads: int
) -> Iterator[WrittenObject]:
    """The objects as they are stored, in the order given; the first error ends all."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[WrittenObject]] = deque()
        try:
            for item in found:
                waiting.append(pool.submit(_write, item, target, file_format))
                while len(waiting) >= _QUEUED_PER_THREAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _write(item: ExportObject, target: ExportTarget, file_format: Format) -> WrittenObject:
    rows = 0

    def write(sink: BinaryIO) -> None:
        nonlocal rows
        rows = file_format.write(item.batches, sink)

    key = item.key + file_format.suffix
    stored = target.put(key, file_format.content_type, write)
    return WrittenObject(key, rows, stored.size_bytes, stored.sha256)


def _head(plan: ExportPlan, file_format: Format) -> dict[str, object]:
    layout = plan.source.layout
    return {
        "manifest_version": 1,
        "layout": layout.name,
        "table": layout.table.full_name,
        "table_versions": plan.source.versions,
        "format": file_format.name,
        "columns": layout.columns,
        "selection": plan.source.request.selection,
        **plan.values(),
        "is_simulated": plan.is_simulated,
    }


def _summary(
    plan: ExportPlan, file_format: Format, target: ExportTarget, manifest: ManifestBuilder
) -> ExportSummary:
    layout = plan.source.layout
    return ExportSummary(
        layout=layout.name,
        table=layout.table.full_name,
        format=file_format.name,
        destination=target.destination,
        table_version=plan.source.versions[layout.table.full_name],
        total_objects=manifest.total_objects,
        total_rows=manifest.total_rows,
        total_bytes=manifest.total_bytes,
        total_size_mb=manifest.total_size_mb,
        is_simulated=plan.is_simulated,
        symbols_without_rows=plan.symbols_without_rows,
    )
