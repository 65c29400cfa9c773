"""A restore without Docker: what runs and what is told after each of its steps has failed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import pytest

from infra.stack.compose import READER, WRITER, StackError
from infra.stack.restore import restore, restore_over
from tests.project.test_backup import backup

RAN = {"minio": 1, "worker": 2}
STACK: dict[str, Any] = {"volumes": {"minio": {}}, "services": {"minio": {"image": "minio:1"}}}
SIGNALS = [KeyboardInterrupt(), SystemExit(143)]


class Engine:
    """A stack of one volume, without Docker; the steps named in `breaks` end in these errors."""

    def __init__(self, breaks: Mapping[str, BaseException], free_bytes: int = 10**9) -> None:
        self.breaks, self.free_bytes = breaks, free_bytes
        self.steps: list[str] = []
        self.started: list[Mapping[str, int]] = []

    def step(self, name: str) -> None:
        """Notes it, and breaks where it is said to."""
        self.steps.append(name)
        if name in self.breaks:
            raise self.breaks[name]

    def compose(self, *words: str, source: IO[bytes] | None = None) -> str:
        """What the containers that have the volumes do."""
        command, *_volumes = words[1 + words.index(READER if READER in words else WRITER) :]
        self.step(command)
        if command == "look":
            return json.dumps({"minio": {"entries": 0, "free_bytes": self.free_bytes}})
        return json.dumps({"entries": 7 if source else 0})

    def start(self, _stack: Mapping[str, Any], services: Mapping[str, int]) -> None:
        """These services."""
        self.step("start")
        self.started.append(services)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """In the place of `docker compose`."""
        place = "infra.stack.restore"
        patch.setattr(f"{place}.STORES", ("minio",))
        patch.setattr(f"{place}.configuration", lambda: STACK)
        patch.setattr(f"{place}.require_secrets", lambda _stack: None)
        patch.setattr(f"{place}.require_no_one_off", lambda: None)
        patch.setattr(f"{place}.running", lambda: dict(RAN))
        patch.setattr(f"{place}.stop", lambda: self.step("stop"))
        patch.setattr(f"{place}.start", self.start)
        patch.setattr(f"{place}.apply_passwords", lambda _stack: self.step("passwords"))
        patch.setattr(f"{place}.compose", self.compose)


def installed(patch: pytest.MonkeyPatch, **breaks: BaseException) -> Engine:
    engine = Engine(breaks)
    engine.install(patch)
    return engine


def test_all_is_unpacked_before_it_is_replaced_and_what_ran_runs_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = installed(monkeypatch)
    assert restore(backup(tmp_path)) == RAN
    assert engine.steps == ["look", "stop", "stage", "swap", "passwords", "start"]
    assert engine.started == [RAN]
    assert capsys.readouterr().out.startswith(
        f"{tmp_path}/backup is complete; it was made at 2026-01-31T22:00:00+00:00\n"
    )


@pytest.mark.parametrize("step", ["stop", "stage"])
@pytest.mark.parametrize("error", [StackError("no space"), *SIGNALS], ids=repr)
def test_before_anything_was_replaced_what_ran_runs_again_and_the_reason_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    engine = installed(monkeypatch, **{step: error})
    with pytest.raises(type(error)) as told:
        restore_over(backup(tmp_path))
    assert told.value is error
    assert engine.steps[-2:] == ["discard", "start"]
    assert engine.started == [RAN]


def test_what_was_unpacked_and_cannot_be_dropped_keeps_nothing_from_running_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = installed(monkeypatch, stage=StackError("no space"), discard=StackError("no Docker"))
    with pytest.raises(StackError, match=r"^no space$"):
        restore_over(backup(tmp_path))
    assert engine.started == [RAN]
    assert (
        "the unpacked files could not be removed and take space until the next restore: no Docker"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("error", "reason"), [(StackError("no space"), "no space"), (KeyboardInterrupt(), "it was stopped")]
)
def test_why_nothing_was_changed_is_said_though_what_ran_does_not_come_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, reason: str
) -> None:
    installed(monkeypatch, stage=error, start=StackError("unhealthy"))
    wanted = rf"^nothing was changed \({reason}\), but some services did not come back up: unhealthy$"
    with pytest.raises(StackError, match=wanted):
        restore_over(backup(tmp_path))


@pytest.mark.parametrize("error", [StackError("no Docker"), *SIGNALS], ids=repr)
@pytest.mark.parametrize(
    ("step", "state"),
    [
        (
            "swap",
            "only some volumes are replaced, and the stack is stopped; repeat the restore with FORCE=1: ",
        ),
        (
            "passwords",
            "the volumes are replaced, but not all stores have the passwords of .secrets; repeat it with FO",
        ),
        ("start", "the volumes are replaced, but some services did not come back up: "),
    ],
)
def test_how_things_stand_is_told_whatever_ends_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, state: str, error: BaseException
) -> None:
    engine = installed(monkeypatch, **{step: error})
    with pytest.raises(StackError) as told:
        restore_over(backup(tmp_path))
    assert str(told.value).startswith(state)
    assert str(told.value).endswith("no Docker" if isinstance(error, StackError) else "it was stopped")
    assert engine.steps[-1] == step


def test_space_is_wanted_for_a_block_of_each_file_and_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backup(tmp_path)
    engine = Engine({}, free_bytes=330_000)  # 300,002 bytes of content and 5 % are 315,002
    engine.install(monkeypatch)
    with pytest.raises(StackError, match=r"needs 343,674 bytes .* 330,000 are free; nothing was changed"):
        restore_over(made)
    assert engine.steps == ["look"]
