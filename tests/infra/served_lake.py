"""The stack's Spark driver on a lake in a folder, on ports of its own: argv is the Connect and the JDBC port.

The image has the jars of Connect and Delta in Spark's own folder; here they are those that Ivy has fetched.
"""

import os
import sys

from infra.spark import driver
from jobs.engine.spark_connect import PACKAGES, find_java_home


def main() -> None:
    """Serves until it is ended."""
    driver.CONNECT_PORT, driver.JDBC_PORT = sys.argv[1:]
    os.environ["JAVA_HOME"] = str(find_java_home())
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"--packages {PACKAGES} --driver-memory 1g pyspark-shell"
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    driver.main()


if __name__ == "__main__":
    main()
