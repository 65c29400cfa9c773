#!/bin/sh
# Runs a command with an empty folder for Spark's shuffles and spills: a killed Spark leaves its own there.
set -eu
find "${SPARK_LOCAL_DIRS:?}" -mindepth 1 -delete
exec "$@"
