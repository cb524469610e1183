#!/bin/sh
# @TITLE@: an extension of Ralph.
# `--print` writes all objects to standard output, one JSON record a line; without it the extension does its work.
# Needs a POSIX shell@NEEDS@.
set -eu
cd "$(dirname "$0")"

# Text as a JSON string.
json() {
  printf '%s' "$1" | awk 'BEGIN { printf "\"" } { gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); gsub(/\t/, "\\t"); printf "%s%s", (NR > 1 ? "\\n" : ""), $0 } END { printf "\"" }'
}

# One object: its id in Ralph, host, percent of the disk that is used.
# A card is drawn by Ralph itself: `ralphext schema card.v1`. Leave out what changes at every call (the time, say):
# content that stays the same is not written again.
object() {
  if [ "$3" -gt 90 ]; then status=warning; else status=ok; fi
  printf '{"id":"%s","content_type":"card","content":{"title":%s,"status":"%s"' "$1" "$(json '@TITLE@')" "$status"
  printf ',"summary":%s,"fields":[{"label":"Host","value":%s}' "$(json "$2 uses $3 % of its disk.")" "$(json "$2")"
  printf ',{"label":"Disk used","value":%d,"unit":"%%"}]}}\n' "$3"
}

# All objects that have a tab, and that this was all of them: what is missing loses its tab.
# This is the part to be replaced by your own.
records() {
  object 4711 db1.example.org 61
  object 4712 db2.example.org 93
  echo '{"end":true}'
}

if [ "${1-}" = --print ]; then
  records
  exit
fi
