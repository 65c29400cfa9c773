"""The folders that only the lakehouse itself writes, and the report's place outside them."""

from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.context import CliContext

if TYPE_CHECKING:
    from serving.output.foreign_folders import OwnFolder


def own_folders(cli: CliContext) -> "tuple[OwnFolder, ...]":
    """The lake, if it is a folder, and the state folder."""
    from serving.output.foreign_folders import OwnFolder  # noqa: PLC0415 - for commands that write files

    state = OwnFolder("the state folder", cli.settings.state_dir.resolve())
    return (state,) if cli.lake.is_s3 else (OwnFolder("the lake", Path(cli.lake.root)), state)


def report_path(cli: CliContext, path: Path | None = None) -> Path:
    """Where the report is written: `path`, else the setting `report`.

    Raises:
        ServingError: it is inside the lake, the state folder or a folder of passwords, or another file.
    """
    from serving.output.foreign_folders import (  # noqa: PLC0415 - for commands that write files
        require_foreign,
        require_report_or_nothing,
    )

    chosen = path or cli.settings.report
    require_foreign(chosen, own_folders(cli))
    require_report_or_nothing(chosen)
    return chosen
