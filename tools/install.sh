#!/bin/sh
# Make a virtual environment at $1 with Holdfast and the locked packages of requirements/$2.txt, requirements/$3.txt ...
set -eu
venv=$1
shift
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Holdfast needs Python 3.11 or newer; $("$python" --version) was found. Set PYTHON to a newer one." >&2
    exit 1
}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y python3-venv
    else
        echo "Python's venv module is missing. Install it (Debian: apt-get install python3-venv), then try again." >&2
        exit 1
    fi
fi
# An interrupted installation may leave one without pip; --clear removes what is left of it.
"$venv/bin/pip" --version >/dev/null 2>&1 || "$python" -m venv --clear "$venv"
echo "Installing packages into $venv; the first time, this takes a few minutes."
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-compile --require-hashes $(printf ' -r requirements/%s.txt' "$@")
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
