#!/bin/sh
# Prints the facts of all hosts, as `ansible all -m setup --tree facts` writes them: one JSON document each.
set -eu
cd "$(dirname "$0")"
[ -n "$(ls facts)" ] || { echo "facts.sh: error: facts/ is empty; run: ansible all -m setup --tree facts" >&2; exit 1; }
for file in facts/*; do
  tr -d '\n' <"$file"
  echo
done
