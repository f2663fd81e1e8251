#!/bin/sh
# Make sure that there is a Chromium for the browser tests; $1 is the bin directory of the virtual environment.
# tests/browser_path.py finds it by the same rules.
set -eu
bin=$1

if [ -n "${HOLDFAST_CHROMIUM:-}" ]; then
    [ -x "$HOLDFAST_CHROMIUM" ] && [ ! -d "$HOLDFAST_CHROMIUM" ] && exit 0
    echo "There is no program at $HOLDFAST_CHROMIUM. Correct HOLDFAST_CHROMIUM or leave it out." >&2
    exit 1
fi
for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # Chromium takes Noto Sans for system-ui; without it pages are set in wide DejaVu.
    if apt-get update -q &&
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium-headless-shell \
            fonts-noto-core
    then
        exit 0
    fi
fi
if "$bin/playwright" install --only-shell chromium; then exit 0; fi
echo "The browser tests need Chromium. Install it (Debian: apt-get install chromium-headless-shell) or set HOLDFAST_CHROMIUM." >&2
exit 1
