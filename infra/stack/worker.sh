#!/bin/sh
# The process worker: runs the deployments' flows as child processes of this container.
set -eu
# A run that sends no heartbeat any more is ended by an automation (flows/deployment/automations.py).
export PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30
name=$(hostname)
python -m flows.deployment.zombie_runs --worker "$name"   # what ran under this name died with the worker before
exec prefect worker start --pool market-data --type process --name "$name" --with-healthcheck
