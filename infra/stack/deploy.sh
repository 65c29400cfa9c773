#!/bin/sh
# Brings the Prefect server to what the project declares; again and again without harm.
# LAKEHOUSE_PROFILE=demo: only what has no schedule.
set -eu
exec python -m flows.deployment.deploy --profile "${LAKEHOUSE_PROFILE:-live}"
