"""Copies the jars of Spark Connect, Delta and S3A, with their dependencies, to Spark's jars folder.

Runs when the image is built. Ivy resolves the jars, as `--packages` does; versions match the locked wheels.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pyspark

PACKAGES = (
    "org.apache.spark:spark-connect_2.12:3.5.7",
    "io.delta:delta-spark_2.12:3.3.3",
    "org.apache.hadoop:hadoop-aws:3.3.4",
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
        for jar in fetched:
            shutil.copy(jar, home / "jars" / jar.name.split("_", 1)[1])


if __name__ == "__main__":
    main()
