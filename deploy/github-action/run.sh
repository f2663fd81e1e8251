#!/usr/bin/env bash
# The steps of action.yml: run.sh validate|plan|apply. Inputs are environment variables, so that no text of a pull
# request becomes a part of this script.
set -euo pipefail

# Append `OPTION line` to the array `arguments` for each line of a text; without an option, only the line.
add_lines() {
  local option=$1 line
  while IFS= read -r line; do
    if [ -n "$line" ]; then
      arguments+=(${option:+"$option"} "$line")
    fi
  done <<< "$2"
}

arguments=()
add_lines --var "${VARIABLES:-}"
if [ "$1" != apply ]; then
  add_lines --overlay "${OVERLAYS:-}"
  if [ -n "${LABEL:-}" ]; then
    arguments+=(--label "$LABEL")
  fi
fi

case $1 in
  validate)
    if [ "${STRICT:-}" = true ]; then
      arguments+=(--strict)
    fi
    add_lines "" "$FILES"
    holdfast validate "${arguments[@]}"
    ;;
  plan)
    plan=$RUNNER_TEMP/holdfast-plan.json
    text=$RUNNER_TEMP/holdfast-plan.txt
    add_lines -f "$FILES"
    if [ "${PRUNE:-}" = true ]; then
      arguments+=(--prune)
    fi
    code=0
    holdfast diff "${arguments[@]}" --out "$plan" > "$text" || code=$?
    cat "$text"
    if [ "$code" != 0 ] && [ "$code" != 5 ]; then # 5: there are differences
      exit "$code"
    fi
    changes=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["count"])' "$plan")
    printf 'plan=%s\ntext=%s\nchanges=%s\n' "$plan" "$text" "$changes" >> "$GITHUB_OUTPUT"
    ;;
  apply)
    if [ "${WAIT:-}" = true ]; then
      arguments+=(--wait)
    fi
    holdfast apply "$PLAN" "${arguments[@]}"
    ;;
esac
