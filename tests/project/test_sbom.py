"""The list of packages (SBOM) that `make sbom` writes is complete."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.system
def test_the_list_has_each_locked_package_with_its_hashes(tmp_path: Path) -> None:
    recipe = re.search(r"^sbom: install.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    words = re.sub(r"\\\n", " ", recipe[1]).split()
    arguments = words[words.index("$(BIN)/cyclonedx-py") + 1 :]
    written = tmp_path / "sbom.json"
    places = {"$(LOCK)": "requirements.lock", "dist/sbom.json": str(written)}
    command = [
        str(Path(sys.executable).with_name("cyclonedx-py")),
        *(places.get(word, word) for word in arguments),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    sbom = json.loads(written.read_text(encoding="utf-8"))
    assert sbom["bomFormat"] == "CycloneDX"
    found = {component["name"]: component for component in sbom["components"]}
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", lock, re.MULTILINE))
    assert {name: component["version"] for name, component in found.items()} == locked
    assert all(reference.get("hashes") for name in found for reference in found[name]["externalReferences"])
