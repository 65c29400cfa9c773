#!/bin/sh
# `lakehouse` inside the worker's container, with the server and the quota ledger of the worker's own runs:
# docker compose exec prefect-worker /app/infra/stack/cli.sh status
set -eu
if [ -z "${LEDGER_PASSWORD:-}" ]; then exec /app/infra/stack/with_secrets.sh "$0" "$@"; fi
export PREFECT_API_AUTH_STRING="lakehouse:${PREFECT_API_PASSWORD}"
export LEDGER_DATABASE_URL="postgresql://ledger:${LEDGER_PASSWORD}@postgres:5432/ledger"
exec lakehouse "$@"
