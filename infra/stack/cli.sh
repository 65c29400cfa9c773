#!/bin/sh
# `lakehouse` inside the worker's container, with the Prefect server and the call count of the worker's runs:
# docker compose exec prefect-worker /app/infra/stack/cli.sh status
exec "$(dirname "$0")/with_secrets.sh" --files lakehouse "$@"
