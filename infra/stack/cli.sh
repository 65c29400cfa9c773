#!/bin/sh
# `lakehouse` inside the worker's container, with the server and the quota ledger of the worker's own runs:
# docker compose exec prefect-worker /app/infra/stack/cli.sh status
exec "$(dirname "$0")/with_secrets.sh" lakehouse "$@"
