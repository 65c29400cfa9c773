#!/bin/sh
# Fails unless every required file in /run/secrets contains a real password made of URL-safe characters;
# prefect_server.sh and with_secrets.sh put these passwords into addresses.
# A provider's key (ALPHAVANTAGE_API_KEY ...) may be empty: nothing is then requested from that provider.
set -u
export LC_ALL=C
folder=${SECRETS_FOLDER:-/run/secrets}
failed=0
refuse() { echo "$1: $2; $3" >&2; failed=1; }
# `make env` keeps existing files, and a store that has run before keeps its old password.
replace() { refuse "$1" "$2" "remove .secrets/$1 and run 'make env' (if the stack has run before: 'make rotate NAME=$1' instead)"; }
for name in "$@"; do
    file=$folder/$name
    [ -e "$file" ] || { refuse "$name" "there is no such secret" "run 'make env' to write it"; continue; }
    [ -r "$file" ] || { refuse "$name" "cannot be read by the containers' users" "run 'make env' to make it readable"; continue; }
    value=$(cat "$file")   # without the trailing newline, as all other scripts read it
    lower=$(printf %s "$value" | tr '[:upper:]' '[:lower:]')
    case "$lower" in
        "") replace "$name" "is blank" ;;
        *minioadmin*|*password*|*changeme*|*postgres*|*prefect*|admin*|secret*|root*|lakehouse*|test*|guest*|default*|example*|minio*|123456*|qwerty*)
            replace "$name" "is a well-known password" ;;
        *[!a-z0-9._~-]*) replace "$name" "has characters other than letters, digits and . _ ~ -" ;;
        *) [ "${#value}" -ge 16 ] || replace "$name" "is shorter than 16 characters" ;;
    esac
done
exit $failed
