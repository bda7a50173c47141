#!/bin/sh
# Two nodes and an nginx on this machine. Needs nginx and jwt-signer; Ctrl-C ends all.
set -eu
cd "$(dirname "$0")"
export JWT_SIGNER_KEYSET_STORE="${JWT_SIGNER_KEYSET_STORE:-sqlite:///$PWD/keysets.sqlite3}"
jwt-signer serve gateway.toml --forward-auth nginx --listen 127.0.0.1:9191 &
one=$!
jwt-signer serve gateway.toml --forward-auth nginx --listen 127.0.0.1:9192 &
two=$!
trap 'kill $one $two 2>/dev/null; wait' EXIT
nginx -p "$PWD" -c "$PWD/nginx.conf" -g 'daemon off;'
