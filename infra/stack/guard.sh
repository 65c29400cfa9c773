#!/bin/sh
# Ends with an error unless every file of /run/secrets that must hold a password holds a real one, of characters
# that stand for themselves in an address: prefect_server.sh and with_secrets.sh put it into one.
# A provider's key (ALPHAVANTAGE_API_KEY ...) may be empty: that provider is then not asked.
set -u
export LC_ALL=C
folder=${SECRETS_FOLDER:-/run/secrets}
failed=0
refuse() { echo "$1: $2; $3" >&2; failed=1; }
# `make env` leaves alone what is there, and a store that has run keeps the password of before.
replace() { refuse "$1" "$2" "remove .secrets/$1, then 'make env' (on a stack that has run: 'make rotate NAME=$1' instead)"; }
for name in "$@"; do
    file=$folder/$name
    [ -e "$file" ] || { refuse "$name" "there is no such secret" "'make env' writes it"; continue; }
    [ -r "$file" ] || { refuse "$name" "cannot be read by the containers' users" "'make env' lets them"; continue; }
    value=$(cat "$file")   # without the line's end, as all others read it
    lower=$(printf %s "$value" | tr '[:upper:]' '[:lower:]')
    case "$lower" in
        "") replace "$name" "is blank" ;;
        *minioadmin*|*password*|*changeme*|*postgres*|*prefect*|admin*|secret*|root*|lakehouse*|test*|guest*|default*|example*|minio*|123456*|qwerty*)
            replace "$name" "is a well-known password" ;;
        *[!a-z0-9._~-]*) replace "$name" "has other characters than letters, digits and . _ ~ -" ;;
        *) [ "${#value}" -ge 16 ] || replace "$name" "is shorter than 16 characters" ;;
    esac
done
exit $failed
