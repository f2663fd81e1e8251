#!/bin/sh
# Make a virtual environment at $1/client with a generator of REST clients: its dependencies contradict ours.
# tests/envoy/test_generated_client.py runs it, and the client that it generates.
set -eu
venv=$1

[ requirements/client.txt -nt "$venv/client/installed" ] || exit 0
"$venv/bin/uv" venv -q --clear "$venv/client"
"$venv/bin/uv" pip install -q --python "$venv/client/bin/python" --require-hashes -r requirements/client.txt
touch "$venv/client/installed"
