#!/bin/sh
# Runs the demo once, then stays: `docker compose up --wait` takes a container that has ended for a failure.
set -eu
export PREFECT_API_AUTH_STRING="lakehouse:${PREFECT_API_PASSWORD}"
python -m flows.demo_run
touch /tmp/demo-has-ended
exec sleep infinity
