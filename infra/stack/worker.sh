#!/bin/sh
# The process worker: runs the deployments' flows as child processes of this container.
set -eu
export PREFECT_API_AUTH_STRING="lakehouse:${PREFECT_API_PASSWORD}"
export LEDGER_DATABASE_URL="postgresql://ledger:${LEDGER_PASSWORD}@postgres:5432/ledger"
# A run that sends no heartbeat any more is ended by an automation (flows/deploy_automations.py).
export PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30
name=$(hostname)
python -m flows.sweep --worker "$name"   # what ran under this name died with the worker before
exec prefect worker start --pool market-data --type process --name "$name" --with-healthcheck
