"""Writes a planned export: objects in a folder or bucket that can be read without Delta Lake."""

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
    """What an export wrote; sizes are of the objects without the manifest, 1 MB is 1,000,000 bytes.

    `symbols_without_rows` are requested, known symbols without rows in the range. `removed_objects` counts
    the objects of earlier exports that were removed.
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
    plan: ExportPlan,
    target: ExportTarget,
    file_format: Format,
    threads: int,
    on_written: OnWritten = _ignore,
) -> ExportSummary:
    """Writes the planned objects to the target, then the manifest; other objects there are kept.

    The manifest of an earlier export is removed first, so that there is none until the export is complete.
    `on_written` is called with each object, in order.

    Raises:
        ServingError: the target cannot be written, or another export is writing to it.
        LakeError: the table cannot be read.
    """
    with target.exclusive():
        return _export(plan, target, file_format, threads, on_written)


def _export(
    plan: ExportPlan, target: ExportTarget, file_format: Format, threads: int, on_written: OnWritten
) -> ExportSummary:
    target.remove(MANIFEST_KEY)
    with open_manifest() as manifest:
        for written in _write_all(objects(plan.source, plan.sessions), target, file_format, threads):
            manifest.add(written)
            on_written(written)
        head = _head(plan, file_format)
        target.put(MANIFEST_KEY, MANIFEST_TYPE, lambda sink: write_manifest(head, manifest, sink))
        return _summary(plan, file_format, target, manifest)


def export_replacing(
    plan: ExportPlan,
    target: ExportTarget,
    file_format: Format,
    threads: int,
    on_written: OnWritten = _ignore,
) -> ExportSummary:
    """Exports as `export` does, then removes objects of earlier exports that this one did not write.

    Only names that match the layout are removed.
    """
    keys: set[str] = set()

    def record_key(written: WrittenObject) -> None:
        keys.add(written.key)
        on_written(written)

    pattern = re.compile(plan.source.layout.pattern)
    with target.exclusive():
        summary = _export(plan, target, file_format, threads, record_key)
        outdated = [key for key in target.names() if pattern.fullmatch(key) and key not in keys]
        for key in outdated:
            target.remove(key)
    return replace(summary, removed_objects=len(outdated))


def _write_all(
    export_objects: Iterable[ExportObject], target: ExportTarget, file_format: Format, threads: int
) -> Iterator[WrittenObject]:
    """Writes the objects with several threads and returns them in order; the first error ends the export."""
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[WrittenObject]] = deque()
        try:
            for export_object in export_objects:
                pending.append(pool.submit(_write, export_object, target, file_format))
                while len(pending) >= _QUEUED_PER_THREAD * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _write(export_object: ExportObject, target: ExportTarget, file_format: Format) -> WrittenObject:
    rows = 0

    def write(sink: BinaryIO) -> None:
        nonlocal rows
        rows = file_format.write(export_object.batches, sink)

    key = export_object.key + file_format.suffix
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
        "escapes_formulas": file_format.escapes_formulas,
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
