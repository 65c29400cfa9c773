#!/bin/sh
# Runs the demo once, then keeps running: `docker compose up --wait` treats a container that has ended as failed.
set -eu
python -m flows.deployment.demo_run
touch /tmp/demo-has-ended
exec sleep infinity
