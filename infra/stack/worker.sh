#!/bin/sh
# The process worker: runs the deployments' flows as child processes of this container.
set -eu
# An automation (flows/deployment/automations.py) ends runs that stop sending heartbeats.
export PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30
name=$(hostname)
python -m flows.deployment.zombie_runs --worker "$name"   # runs under this name died with the previous worker
exec prefect worker start --pool market-data --type process --name "$name" --with-healthcheck
