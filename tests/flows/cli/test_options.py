"""The options of the commands: what the help shows, and the old names that still work."""

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from flows.cli import app as command_line
from flows.cli import entry_point

GROUP: Any = get_command(command_line.app)


def options() -> Iterator[tuple[str, Any]]:
    for name, command in GROUP.commands.items():
        for parameter in command.params:
            yield f"{name} {parameter.name}", parameter


def test_every_option_and_argument_has_a_help_text() -> None:
    shown = {name: parameter for name, parameter in options() if not getattr(parameter, "hidden", False)}
    assert len(shown) > 40
    assert not [name for name, parameter in shown.items() if not parameter.help]


@pytest.mark.parametrize(
    ("command", "new", "old", "rest"),
    [
        ("report", "--open", "--open-path", []),
        ("health", "--max-findings", "--most", ["5", "silver.bars"]),
    ],
)
def test_an_old_name_of_an_option_is_accepted_and_not_shown(
    command: str, new: str, old: str, rest: list[str]
) -> None:
    by_name = {name: parameter for parameter in GROUP.commands[command].params for name in parameter.opts}
    assert (by_name[new].hidden, by_name[old].hidden) == (False, True)
    parsed = GROUP.commands[command].make_context(command, [old, *rest]).params
    assert parsed[by_name[old].name] == (int(rest[0]) if rest else True)


def test_the_usage_line_names_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/entry_point.py", "status", "--help"])
    with pytest.raises(SystemExit):
        entry_point._run_app()
    assert "Usage: lakehouse status" in capsys.readouterr().out
