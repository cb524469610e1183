
# All there is as one snapshot. A single object: PUT /v1/objects/<id>.
records | curl --fail-with-body --silent --show-error --unix-socket "${PUSH_SOCKET:-push.sock}" \
  --header 'Content-Type: application/x-ndjson' --data-binary @- http://localhost/v1/snapshot
