#!/bin/sh
# Make sure that there is an nginx for the tests of paths; tests/decoding.py starts it.
set -eu

if command -v nginx >/dev/null || [ -x /usr/sbin/nginx ]; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # RUNLEVEL=1: Debian would start it as a service, too.
    if apt-get update -q &&
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends nginx-light
    then
        exit 0
    fi
fi
echo "The tests of paths need nginx. Install it (Debian: apt-get install nginx-light)." >&2
exit 1
