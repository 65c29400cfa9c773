"""Services and containers as the scripts see them, without Docker, and the order of a rotation."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.stack.compose import StackError, containers, needed_by, one_shots, require_no_one_off, running
from infra.stack.rotate import rotate, users, write_secret

DONE, HEALTHY = {"condition": "service_completed_successfully"}, {"condition": "service_healthy"}
STACK: dict[str, Any] = {
    "services": {
        "worker": {
            "depends_on": {"server": HEALTHY, "setup": DONE, "spark": HEALTHY},
            "secrets": [{"source": "API"}],
        },
        "spark": {"depends_on": {"setup": DONE}},
        "server": {"depends_on": {"guard": DONE}, "secrets": [{"source": "API"}]},
        "setup": {"depends_on": {"guard": DONE}, "secrets": [{"source": "API"}, {"source": "KEY"}]},
        "guard": {},
    }
}
LISTED = [
    ("web-1", "worker", "running", "False"),
    ("web-2", "worker", "restarting", "False"),
    ("server-1", "server", "exited", "False"),
    ("worker-run-1", "worker", "running", "True"),
    ("setup-1", "setup", "exited", "False"),
    ("setup-run-1", "setup", "exited", "True"),
]


def listing(*names: str) -> str:
    """What `docker compose ps --format json` prints of these containers."""
    return "\n".join(
        json.dumps(
            {
                "ID": f"id-{name}",
                "Name": name,
                "Service": service,
                "State": state,
                "Labels": f"a=b,com.docker.compose.oneoff={one_off},c=d",
            }
        )
        for name, service, state, one_off in LISTED
        if name in names
    )


def listed(patch: pytest.MonkeyPatch, *names: str) -> None:
    patch.setattr("infra.stack.compose.compose", lambda *_words: listing(*names))


def test_containers_at_work_are_counted_without_those_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, *(name for name, *_ in LISTED))
    assert running() == {"worker": 2}


def test_a_run_at_work_is_refused_by_name_and_one_that_has_ended_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed(monkeypatch, "web-1", "worker-run-1", "setup-run-1")
    with pytest.raises(StackError, match=r"^worker-run-1 of `docker compose run` is still running: end it"):
        require_no_one_off()
    listed(monkeypatch, "web-1", "setup-run-1")
    require_no_one_off()


def test_a_services_containers_are_its_own_at_work_or_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, "setup-1", "setup-run-1")
    assert containers("setup") == ["id-setup-1"]
    listed(monkeypatch)
    assert containers("setup") == []


@pytest.mark.parametrize("codes", [[0, 0], [0, 3]])
def test_a_rotation_asks_every_container_of_a_one_shot_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codes: list[int]
) -> None:
    file = tmp_path / "KEY"
    file.write_text("new", encoding="utf-8")
    services = {"setup": {"secrets": [{"source": "KEY"}]}, "worker": {"depends_on": {"setup": DONE}}}
    stack = {"services": services, "secrets": {"KEY": {"file": str(file)}}}
    ended = iter(codes)
    place = "infra.stack.rotate"
    monkeypatch.setattr(f"{place}.configuration", lambda: stack)
    monkeypatch.setattr(f"{place}.running", lambda: {"worker": 1})
    monkeypatch.setattr(f"{place}.containers", lambda _service: ["one", "two"])
    monkeypatch.setattr(f"{place}.compose", lambda *_words: "")
    monkeypatch.setattr(f"{place}.exit_code", lambda _container: next(ended))
    if any(codes):
        with pytest.raises(StackError, match="setup ended with exit code 3: "):
            rotate("KEY")
    else:
        assert rotate("KEY") == ["setup"]
    assert list(ended) == []


def test_those_who_hold_a_secret_come_after_those_they_depend_on() -> None:
    found = users(STACK, "API")
    assert sorted(found) == ["server", "setup", "worker"]
    assert found[-1] == "worker"
    assert users(STACK, "KEY") == ["setup"]


def test_one_shots_are_those_whose_end_others_wait_for() -> None:
    assert one_shots(STACK) == {"guard", "setup"}


def test_what_a_service_needs_is_found_over_several_steps() -> None:
    assert needed_by(STACK, ["worker"]) == {"worker", "server", "setup", "spark", "guard"}
    assert needed_by(STACK, ["spark"]) == {"spark", "setup", "guard"}


def test_a_secret_is_replaced_in_one_step(tmp_path: Path) -> None:
    file = tmp_path / "KEY"
    file.write_text("old", encoding="utf-8")
    with file.open(encoding="utf-8") as held:
        write_secret(file, "new")
        assert held.read() == "old"
    assert file.read_text(encoding="utf-8") == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["KEY"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_key_that_was_written_for_its_owner_alone_can_be_read_after_its_rotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "ALPHAVANTAGE_API_KEY"
    key.write_text("a new key", encoding="utf-8")
    key.chmod(0o600)
    stack = {"services": {}, "secrets": {key.name: {"file": str(key)}}}
    monkeypatch.setattr("infra.stack.rotate.configuration", lambda: stack)
    monkeypatch.setattr("infra.stack.rotate.running", dict)
    assert rotate(key.name) == []
    assert (key.read_text(encoding="utf-8"), key.stat().st_mode & 0o777) == ("a new key", 0o644)
