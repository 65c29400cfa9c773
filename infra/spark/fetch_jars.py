"""Copies the jars of Spark Connect, Delta and S3A, with their dependencies, to Spark's jars folder.

Runs when the image is built. Ivy resolves the jars, as `--packages` does; versions match the locked wheels.
Each jar must have its SHA-256 of jars.sha256 (the format of sha256sum); none may be missing or come besides.
"""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyspark

PACKAGES = (
    "org.apache.spark:spark-connect_2.12:3.5.7",
    "io.delta:delta-spark_2.12:3.3.3",
    "org.apache.hadoop:hadoop-aws:3.3.4",
)


CHECKSUMS = Path(__file__).with_name("jars.sha256")


def require_known(jars: Mapping[str, Path]) -> None:
    """Exits unless these are the jars of jars.sha256, byte for byte."""
    lines = CHECKSUMS.read_text(encoding="utf-8").splitlines()
    wanted = {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}
    found = {name: hashlib.sha256(jar.read_bytes()).hexdigest() for name, jar in jars.items()}
    if found != wanted:
        differing = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
        raise SystemExit(
            f"these jars are missing, unexpected or have another SHA-256 than {CHECKSUMS.name} says: "
            f"{', '.join(differing)}; if their versions were raised, write the file again"
        )


def main() -> None:
    """Fetches the packages, then copies the jars that Spark does not have yet."""
    home = Path(pyspark.__file__).parent
    with tempfile.TemporaryDirectory() as ivy:
        nothing = Path(ivy) / "nothing.py"
        nothing.write_text("")  # an empty application: only its packages are needed
        command = [
            str(home / "bin" / "spark-submit"),
            *("--conf", f"spark.jars.ivy={ivy}", "--packages", ",".join(PACKAGES), str(nothing)),
        ]
        subprocess.run(command, check=True)  # noqa: S603 - our own command line
        fetched = sorted((Path(ivy) / "jars").glob("*.jar"))
        if not fetched:
            raise SystemExit("Ivy fetched no jars")
        named = {jar.name.split("_", 1)[1]: jar for jar in fetched}
        require_known(named)
        for name, jar in named.items():
            shutil.copy(jar, home / "jars" / name)


if __name__ == "__main__":
    main()
