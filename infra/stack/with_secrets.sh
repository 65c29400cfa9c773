#!/bin/sh
# Runs a command with each file of /run/secrets as an environment variable of the same name, and with two values
# made from them: the Prefect server's user and password, and the address of the database that counts API calls.
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
