#!/bin/sh
# Make a virtual environment at $1/client with a generator of REST clients: its dependencies contradict ours.
# tests/envoy/test_generated_client.py runs it, and the client that it generates.
set -eu
venv=$1

[ "$venv/client/installed" -nt requirements/client.txt ] && exit 0
"$venv/bin/uv" venv -q --clear "$venv/client"
"$venv/bin/uv" pip install -q --python "$venv/client/bin/python" --require-hashes -r requirements/client.txt
touch "$venv/client/installed"
