#!/bin/sh
# Print the path of promtool, with which the tests check the alert rules. If there is none, take Debian's, without installing it.
set -eu
if command -v promtool; then exit 0; fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast/prometheus
tool=$cache/usr/bin/promtool
if [ ! -x "$tool" ]; then
    mkdir -p "$cache"
    chmod 755 "$cache"
    cd "$cache"
    { apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; }; } >&2
    dpkg-deb -x prometheus_*.deb .
    rm prometheus_*.deb
fi
echo "$tool"
