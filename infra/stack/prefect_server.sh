#!/bin/sh
# The Prefect server on PostgreSQL, its API behind a user name and a password.
set -eu
export PREFECT_API_DATABASE_CONNECTION_URL="postgresql+asyncpg://prefect:${POSTGRES_PASSWORD}@postgres:5432/prefect"
export PREFECT_SERVER_API_AUTH_STRING="$PREFECT_API_AUTH_STRING"   # unset, the server does not start: never an open one
exec prefect server start --host 0.0.0.0 --port 4200
