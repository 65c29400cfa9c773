"""A jar that differs from its checksum, is missing or comes besides ends the build of the image."""

import hashlib
from pathlib import Path

import pytest

from infra.spark import fetch_jars
from infra.spark.fetch_jars import require_known


@pytest.fixture
def jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Two jars, and the file of their checksums."""
    found = {name: tmp_path / f"org_{name}" for name in ("one.jar", "two.jar")}
    for name, jar in found.items():
        jar.write_bytes(name.encode())
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in found}
    checksums = tmp_path / "jars.sha256"
    checksums.write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    monkeypatch.setattr(fetch_jars, "CHECKSUMS", checksums)
    return found


def test_known_jars_pass(jars: dict[str, Path]) -> None:
    require_known(jars)


def test_a_changed_a_missing_and_an_unexpected_jar_are_named(jars: dict[str, Path], tmp_path: Path) -> None:
    jars["one.jar"].write_bytes(b"another")
    del jars["two.jar"]
    jars["three.jar"] = tmp_path / "org_one.jar"
    with pytest.raises(SystemExit, match=r"one\.jar, three\.jar, two\.jar"):
        require_known(jars)


def test_the_file_names_a_jar_of_each_package() -> None:
    names = fetch_jars.CHECKSUMS.read_text(encoding="utf-8")
    for package in fetch_jars.PACKAGES:
        _, artifact, version = package.split(":")
        assert f"  {artifact}-{version}.jar\n" in names
