#!/bin/sh
# Runs a command with the files of /run/secrets as its secrets, and with two values made from them: the user and
# password of the Prefect server's API, and the address of the database that counts API calls.
# With --files our own programs read them from the folder that SECRETS_FOLDER then names, and the environment, which
# every child process inherits and anybody in the container can read in /proc, holds only what Prefect reads there.
# Without it each file becomes an environment variable of its name, for programs that know no other way.
set -eu
given="${SECRETS_FOLDER:-/run/secrets}"
in_files=""
if [ "${1:-}" = "--files" ]; then
    in_files=yes
    shift
fi

content() { if [ -f "$given/$1" ]; then cat "$given/$1"; fi; }

PREFECT_API_PASSWORD=$(content PREFECT_API_PASSWORD)
if [ -n "$PREFECT_API_PASSWORD" ]; then
    export PREFECT_API_AUTH_STRING="lakehouse:${PREFECT_API_PASSWORD}"
fi
LEDGER_PASSWORD=$(content LEDGER_PASSWORD)
url=""
if [ -n "$LEDGER_PASSWORD" ]; then
    url="postgresql://ledger:${LEDGER_PASSWORD}@postgres:5432/ledger"
fi

if [ -n "$in_files" ]; then
    umask 077
    SECRETS_FOLDER="${TMPDIR:-/tmp}/secrets-of-$(id -u)"   # in memory: /tmp is a tmpfs
    export SECRETS_FOLDER
    mkdir -p "$SECRETS_FOLDER"
    [ -O "$SECRETS_FOLDER" ]                               # else `set -e` stops here: it is somebody else's
    for file in "$given"/*; do                             # copies, since links that lead outside are not read
        if [ -f "$file" ]; then cp -f "$file" "$SECRETS_FOLDER/"; fi
    done
    if [ -n "$url" ]; then printf %s "$url" >"$SECRETS_FOLDER/LEDGER_DATABASE_URL"; fi
else
    for file in "$given"/*; do
        [ -f "$file" ] || continue
        value=$(cat "$file")
        export "$(basename "$file")=$value"
    done
    if [ -n "$url" ]; then export LEDGER_DATABASE_URL="$url"; fi
fi
exec "$@"
