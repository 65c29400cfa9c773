"""The Spark services of docker-compose.yml: what they publish, how they are watched, where they spill to."""

import os
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STACK: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SPARK = {name: each for name, each in STACK["services"].items() if name.startswith("spark")}
AT_WORK = sorted(name for name in SPARK if name != "spark-master")  # those that shuffle


def test_there_are_a_driver_a_master_and_two_workers() -> None:
    assert set(SPARK) == {"spark", "spark-master", "spark-worker-1", "spark-worker-2"}


def test_spark_connect_is_not_published() -> None:
    published = [port for each in SPARK.values() for port in each.get("ports", ())]
    assert [port.rpartition(":")[2] for port in published] == ["10000"]


@pytest.mark.parametrize("name", sorted(SPARK))
def test_each_has_a_health_check_on_a_port_that_it_opens(name: str) -> None:
    command = SPARK[name]["healthcheck"]["test"]
    assert command[:3] == ["CMD", "python", "/app/infra/spark/health.py"]
    started = (ROOT / "infra/spark/standalone.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    role = {"spark-master": "master)", "spark-worker-1": "worker)", "spark-worker-2": "worker)"}.get(name)
    if role:
        (line,) = [each for each in started.splitlines() if each.strip().startswith(role)]
        words = shlex.split(line.replace(";;", ""))
        opened = {after for word, after in pairwise(words) if word.endswith("port")}
        assert set(command[3:]) <= opened
        assert command[3:]


@pytest.mark.parametrize("name", AT_WORK)
def test_shuffles_and_spills_go_to_a_volume_without_a_name_and_not_into_memory(name: str) -> None:
    scratch = SPARK[name]["environment"]["SPARK_LOCAL_DIRS"]
    assert SPARK[name]["volumes"] == [scratch]  # no name: no backup takes it
    assert scratch not in {each.partition(":")[0] for each in SPARK[name]["tmpfs"]}
    assert "/app/infra/spark/with_scratch.sh" in SPARK[name]["command"]
    dockerfile = (ROOT / "infra/spark/Dockerfile").read_text(encoding="utf-8")
    (made,) = [line for line in dockerfile.splitlines() if "install -d -o spark" in line]
    assert scratch in made.split()  # a new volume takes over the folder's owner


@pytest.mark.parametrize("name", AT_WORK)
def test_native_libraries_are_unpacked_where_they_may_be_loaded(name: str) -> None:
    assert "/tmp:exec" in SPARK[name]["tmpfs"]  # java.io.tmpdir


def test_what_a_killed_spark_left_is_gone_before_the_next_one_starts(tmp_path: Path) -> None:
    left = tmp_path / "scratch" / "blockmgr-1" / "0c"
    left.mkdir(parents=True)
    (left / "shuffle_0_0_0.data").write_bytes(b"rows")
    script = str(ROOT / "infra/spark/with_scratch.sh")
    environment = {**os.environ, "SPARK_LOCAL_DIRS": str(tmp_path / "scratch")}
    done = subprocess.run(
        [script, "ls", "-A", str(tmp_path / "scratch")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == [tmp_path / "scratch"]


def test_without_a_scratch_folder_nothing_is_removed_and_nothing_starts(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SPARK_LOCAL_DIRS"}
    done = subprocess.run(
        [str(ROOT / "infra/spark/with_scratch.sh"), "echo", "started"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "SPARK_LOCAL_DIRS" in done.stderr
    assert done.stdout == ""
