#!/bin/sh
# Runs the demo once, then stays: `docker compose up --wait` takes a container that has ended for a failure.
set -eu
python -m flows.deployment.demo_run
touch /tmp/demo-has-ended
exec sleep infinity
