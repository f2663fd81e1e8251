#!/bin/sh
# Make sure that there are an nginx for the tests of paths, which tests/decoding.py starts, and an HAProxy for those of
# compose.yaml.
set -eu

missing=
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing="nginx-light"
command -v haproxy >/dev/null || [ -x /usr/sbin/haproxy ] || missing="$missing haproxy"
[ "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # RUNLEVEL=1: Debian would start them as services, too.
    if apt-get update -q &&
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
    then
        exit 0
    fi
fi
echo "Tests need nginx and HAProxy. Install them (Debian: apt-get install $missing)." >&2
exit 1
