#!/bin/sh
# Runs a command with each file of /run/secrets as an environment variable of the file's name.
set -eu
for file in /run/secrets/*; do
    [ -f "$file" ] || continue
    value=$(cat "$file")
    export "$(basename "$file")=$value"
done
exec "$@"
