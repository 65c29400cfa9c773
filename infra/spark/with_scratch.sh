#!/bin/sh
# Empties the folder for Spark's shuffle and spill files, in which a killed Spark leaves its own; runs a command.
set -eu
find "${SPARK_LOCAL_DIRS:?}" -mindepth 1 -delete
exec "$@"
