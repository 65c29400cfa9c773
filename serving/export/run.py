"""Exports a table's rows as plain objects in a folder or bucket, for readers that know no Delta."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import BinaryIO

from serving.export.formats import Format
from serving.export.local_target import Target
from serving.export.manifest import MANIFEST_KEY, MANIFEST_TYPE, Tally, Written, open_tally, write_manifest
from serving.export.objects import ExportObject, objects
from serving.export.plan import Plan

_WAITING_A_THREAD = 4
Observe = Callable[[Written], None]


@dataclass(frozen=True)
class ExportSummary:
    """What an export wrote. Sizes are those of the objects, the manifest left out; MB are 1,000,000 bytes.

    `symbols_without_rows` were asked for, are known, and have no row in the range. `removed_objects` are
    those of earlier exports that were replaced.
    """

    layout: str
    table: str
    format: str
    place: str
    table_version: int
    total_objects: int
    total_rows: int
    total_bytes: int
    total_size_mb: float
    is_simulated: bool
    symbols_without_rows: tuple[str, ...]
    removed_objects: int = 0


def _nobody(_: Written) -> None:
    return


def export(
    plan: Plan, target: Target, form: Format, threads: int, on_written: Observe = _nobody
) -> ExportSummary:
    """Writes the planned objects to the target, then the manifest; what other objects are there stays.

    The manifest of an earlier export is removed first: from then until the end there is none. `on_written`
    is told of each object, in order.

    Raises:
        ServingError: the target cannot be written.
        LakeError: the table cannot be read.
    """
    target.remove(MANIFEST_KEY)
    with open_tally() as tally:
        for written in _stored(objects(plan.source, plan.sessions), target, form, threads):
            tally.add(written)
            on_written(written)
        head = _head(plan, form)
        target.put(MANIFEST_KEY, MANIFEST_TYPE, lambda sink: write_manifest(head, tally, sink))
        return _summary(plan, form, target, tally)


def export_replacing(
    plan: Plan, target: Target, form: Format, threads: int, on_written: Observe = _nobody
) -> ExportSummary:
    """The same, and then removes what earlier exports in this layout left and this one does not have.

    Only names that the layout gives are removed, those of killed exports' temporary files among them.
    """
    keys: set[str] = set()

    def observe(written: Written) -> None:
        keys.add(written.key)
        on_written(written)

    summary = export(plan, target, form, threads, observe)
    pattern = re.compile(plan.source.layout.pattern)
    others = [key for key in target.names() if pattern.fullmatch(key) and key not in keys]
    for key in others:
        target.remove(key)
    return replace(summary, removed_objects=len(others))


def _stored(found: Iterable[ExportObject], target: Target, form: Format, threads: int) -> Iterator[Written]:
    """The objects as they are stored, in the order given; the first error ends all."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Written]] = deque()
        try:
            for each in found:
                waiting.append(pool.submit(_write, each, target, form))
                while len(waiting) >= _WAITING_A_THREAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _write(each: ExportObject, target: Target, form: Format) -> Written:
    rows = 0

    def write(sink: BinaryIO) -> None:
        nonlocal rows
        rows = form.write(each.pieces, sink)

    key = each.key + form.suffix
    stored = target.put(key, form.content_type, write)
    return Written(key, rows, stored.size_bytes, stored.sha256)


def _head(plan: Plan, form: Format) -> dict[str, object]:
    layout = plan.source.layout
    return {
        "manifest_version": 1,
        "layout": layout.name,
        "table": layout.table.full_name,
        "table_versions": plan.source.versions,
        "format": form.name,
        "columns": layout.columns,
        "selection": plan.source.request.selection,
        **plan.values(),
        "is_simulated": plan.is_simulated,
    }


def _summary(plan: Plan, form: Format, target: Target, tally: Tally) -> ExportSummary:
    layout = plan.source.layout
    return ExportSummary(
        layout=layout.name,
        table=layout.table.full_name,
        format=form.name,
        place=target.place,
        table_version=plan.source.versions[layout.table.full_name],
        total_objects=tally.total_objects,
        total_rows=tally.total_rows,
        total_bytes=tally.total_bytes,
        total_size_mb=tally.total_size_mb,
        is_simulated=plan.is_simulated,
        symbols_without_rows=plan.symbols_without_rows,
    )
