#!/bin/sh
# Runs a command with each file of /run/secrets as an environment variable of the file's name, and with the
# addresses that are made of them: the Prefect server's user and password, and the quota ledger.
set -eu
for file in "${SECRETS_FOLDER:-/run/secrets}"/*; do
    [ -f "$file" ] || continue
    value=$(cat "$file")
    export "$(basename "$file")=$value"
done
if [ -n "${PREFECT_API_PASSWORD:-}" ]; then
    export PREFECT_API_AUTH_STRING="lakehouse:${PREFECT_API_PASSWORD}"
fi
if [ -n "${LEDGER_PASSWORD:-}" ]; then
    export LEDGER_DATABASE_URL="postgresql://ledger:${LEDGER_PASSWORD}@postgres:5432/ledger"
fi
exec "$@"
