#!/bin/sh
# Makes what docker-compose.yml reads its secrets from. Needs openssl, no Docker. See docs/compose.md.
set -eu

usage() {
    cat <<USAGE
Usage: compose/prepare.sh [--name NAME]... [--renew] [FOLDER]

Writes random passwords and a certificate for this machine into FOLDER, by default
the folder secrets beside this script. What is there already stays as it is.

  --name NAME   a name or an IPv4 address, beside localhost, that the certificate is for; repeatable
  --renew       make the certificate anew, with a new authority; passwords stay
  --help        this

FOLDER/ca.pem is what clients need: adjudicate status --url https://localhost --ca FOLDER/ca.pem
The certificate is for development. For others put your own certificate.pem (with its chain)
and key.pem into FOLDER.

Exit status: 0; 1 openssl failed; 2 wrong use.
USAGE
}

fail() {
    echo "prepare.sh: $1" >&2
    exit "${2:-1}"
}

folder=$(dirname "$0")/secrets
names="DNS:localhost,DNS:nginx,IP:127.0.0.1,IP:::1"
renew=no
while [ $# -gt 0 ]; do
    case $1 in
    --name)
        [ $# -gt 1 ] || fail "--name wants a name" 2
        case $2 in
        '' | *[!0-9A-Za-z.*-]*) fail "not a name or an IPv4 address: $2" 2 ;;
        *[!0-9.]*) names="$names,DNS:$2" ;;
        *) names="$names,IP:$2" ;;
        esac
        shift 2
        ;;
    --renew) renew=yes; shift ;;
    --help | -h) usage; exit 0 ;;
    -*) fail "unknown option $1; see --help" 2 ;;
    *) folder=$1; shift ;;
    esac
done
command -v openssl >/dev/null || fail "openssl is not installed"

# Only its owner may enter the folder. The files in it are for all to read, since in a container they belong to
# the same owner and are read by another user: Docker mounts the files, not the folder.
umask 022
mkdir -p "$folder"
chmod 700 "$folder"

# put NAME: what comes in, if there is no file of that name yet.
put() {
    if [ -e "$folder/$1" ]; then
        cat >/dev/null
    else
        cat >"$folder/$1.new"
        chmod 444 "$folder/$1.new"
        mv "$folder/$1.new" "$folder/$1"
    fi
}

# An assignment, since a failure on the left of a pipe would go unnoticed.
password=$(openssl rand -hex 24)
echo "$password" | put postgres_password
password=$(openssl rand -hex 24)
echo "$password" | put redis_password
password=$(openssl rand -hex 24)
echo "$password" | put qdrant_api_key
postgres=$(cat "$folder/postgres_password")
redis=$(cat "$folder/redis_password")
echo "postgresql+psycopg://adjudicate:$postgres@postgres:5432/adjudicate" | put database_url
printf 'requirepass %s\nsave ""\nappendonly no\n' "$redis" | put redis.conf
echo "redis://:$redis@redis:6379/0" | put rates_url
echo "redis://:$redis@redis:6379/1" | put cache_url
printf 'service:\n  api_key: %s\n' "$(cat "$folder/qdrant_api_key")" | put qdrant.yaml
webhook=$(openssl rand -base64 32)
echo "whsec_$webhook" | put webhook_secret
printf '' | put judge_api_key # of a judging server; empty: it asks for none

if [ "$renew" = no ] && [ -e "$folder/certificate.pem" ] && [ -e "$folder/key.pem" ]; then
    echo "$folder: the certificate that is there stays; --renew makes another." >&2
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/openssl.cnf" <<CONFIG
[req]
distinguished_name = name
prompt = no
[name]
CN = Adjudicate development
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = $names
authorityKeyIdentifier = keyid
CONFIG

key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

key "$work/ca-key.pem"
openssl req -x509 -new -sha256 -days 397 -key "$work/ca-key.pem" -out "$work/ca.pem" \
    -config "$work/openssl.cnf" -extensions authority
key "$work/key.pem"
openssl req -new -sha256 -key "$work/key.pem" -out "$work/request.pem" \
    -config "$work/openssl.cnf" -subj "/CN=localhost"
openssl x509 -req -sha256 -days 397 -in "$work/request.pem" -out "$work/certificate.pem" \
    -CA "$work/ca.pem" -CAkey "$work/ca-key.pem" -set_serial "0x$(openssl rand -hex 15)" \
    -extfile "$work/openssl.cnf" -extensions server 2>/dev/null
# The authority's key goes with the work: nobody can make another certificate that clients with ca.pem trust.
for file in ca.pem certificate.pem key.pem; do
    rm -f "$folder/$file"
    put "$file" <"$work/$file"
done
echo "$folder: passwords, and a certificate for $names until $(
    openssl x509 -noout -enddate -in "$folder/certificate.pem" | cut -d= -f2
)." >&2
