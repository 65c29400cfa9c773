#!/bin/sh
# Ends with an error unless every file of /run/secrets that must hold a password holds a real one.
# A provider's key (ALPHAVANTAGE_API_KEY ...) may be empty: that provider is then not asked.
set -u
failed=0
refuse() { echo "$1: $2; 'make env' writes random ones into .secrets/" >&2; failed=1; }
for name in "$@"; do
    file=/run/secrets/$name
    [ -r "$file" ] || { refuse "$name" "there is no such secret"; continue; }
    value=$(tr -d '\n' < "$file")
    lower=$(printf %s "$value" | tr '[:upper:]' '[:lower:]')
    case "$lower" in
        "") refuse "$name" "is blank" ;;
        *minioadmin*|*password*|*changeme*|*postgres*|*prefect*|admin*|secret*|root*|lakehouse*|test*|guest*|default*|example*|minio*|1234*|qwerty*)
            refuse "$name" "is a well-known password" ;;
        *) [ "${#value}" -ge 16 ] || refuse "$name" "is shorter than 16 characters" ;;
    esac
done
exit $failed
