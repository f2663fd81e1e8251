#!/bin/sh
# Write static/css/tabler.css: what of Tabler's style sheet the pages use. PurgeCSS finds the words in templates, scripts
# and Python that could be class names. Run it when a template uses a class of Tabler's for the first time.
set -eu
cd "$(dirname "$0")/../src/holdfast/web"
VENDOR=static/vendor
command -v npx >/dev/null || { echo "This needs npm." >&2; exit 1; }
purged=$(mktemp -d)
trap 'rm -r "$purged"' EXIT
npx --yes purgecss@8.0.0 --css "$VENDOR/tabler-1.6.1.min.css" --content 'templates/**/*.html' 'static/js/*.js' '*.py' '[a-z]*/*.py' \
  --variables --keyframes --font-face --output "$purged/tabler.css"
{
  echo "/* What pages use of Tabler 1.6.1, MIT, see vendor/LICENSES/tabler-core.txt; tools/styles.sh writes it. */"
  # One rule per line, so that changes can be merged.
  tr '\n' ' ' <"$purged/tabler.css" | sed 's/@charset "UTF-8";//; s#/\*![^/]*Licensed[^*]*\*/##; s#/\*!.*Licensed under MIT[^*]*\*/##; s/}/}\n/g'
} >static/css/tabler.css
