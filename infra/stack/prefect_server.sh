#!/bin/sh
# Runs the Prefect server on PostgreSQL, with a user name and a password on its API.
set -eu
export PREFECT_API_DATABASE_CONNECTION_URL="postgresql+asyncpg://prefect:${POSTGRES_PASSWORD}@postgres:5432/prefect"
export PREFECT_SERVER_API_AUTH_STRING="$PREFECT_API_AUTH_STRING"   # if unset, `set -u` stops here: the server never runs open
exec prefect server start --host 0.0.0.0 --port 4200
