#!/bin/sh
# Applies the project's declarations to the Prefect server; idempotent.
# LAKEHOUSE_PROFILE=demo: only deployments without a schedule.
set -eu
exec python -m flows.deployment.deploy --profile "${LAKEHOUSE_PROFILE:-live}"
