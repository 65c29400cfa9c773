"""The report: one self-contained HTML page that loads nothing from elsewhere."""

import base64
import hashlib
import os
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from jinja2 import Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined
from markupsafe import Markup
from platformdirs import user_cache_path

from delta_tables.storage.lake import Lake, LakeError
from serving.report import svg_charts
from serving.report.data import ReportData, report_data
from serving.report.svg_charts import price_text, short_number

_PACKAGE, _TEMPLATES = "serving.report", "templates"
_NONE, _MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


def write_report(lake: Lake, path: Path, now: datetime) -> Path:
    """Writes the report of the lake as of `now` and returns its path; an older one is replaced atomically.

    For an empty or missing lake, the page says that there is nothing to show.

    Raises:
        LakeError: a table exists but cannot be read, or the page cannot be written.
    """
    page = render(report_data(lake, now))
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(page, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise LakeError(
            f"{path}: the report cannot be written ({error.strerror}); set `report` to another path"
        ) from None
    return path


def render(data: ReportData) -> str:
    """The page as HTML: every value is escaped, and the browser runs only our script, named by its hash."""
    environment = Environment(
        loader=PackageLoader(_PACKAGE, _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        bytecode_cache=_bytecode_cache(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        price=_price, signed=_signed, count=_count, short=_short, instant=_instant, plain=_plain
    )
    environment.globals["box"] = svg_charts
    script = _template_file("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = environment.get_template("report.html.j2")
    style = Markup(_template_file("report.css"))  # noqa: S704 - our own file
    return template.render(data=data, style=style, script=Markup(script), script_hash=digest)  # noqa: S704 - our own file


def _bytecode_cache() -> FileSystemBytecodeCache | None:
    """Compiled templates in the user's cache folder, which save a fifth of a second; None without one."""
    folder = user_cache_path("market-lakehouse") / "templates"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    is_ours = folder.stat().st_uid == os.getuid() and os.access(folder, os.W_OK)
    return FileSystemBytecodeCache(str(folder)) if is_ours else None


def _template_file(name: str) -> str:
    return resources.files(_PACKAGE).joinpath(_TEMPLATES, name).read_text(encoding="utf-8")


def _price(value: object) -> str:
    return _NONE if value is None else price_text(float(str(value)))


def _signed(value: object, decimals: int = 2) -> str:
    return _NONE if value is None else f"{float(str(value)):+,.{decimals}f}".replace("-", _MINUS)


def _count(value: object) -> str:
    return _NONE if value is None else f"{int(float(str(value))):,}"


def _short(value: object) -> str:
    return _NONE if value is None else short_number(float(str(value)))


def _instant(value: datetime | None) -> str:
    return _NONE if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _plain(value: object) -> str:
    """A measured value; a whole number without `.0`."""
    return _NONE if value is None else str(value).removesuffix(".0")
