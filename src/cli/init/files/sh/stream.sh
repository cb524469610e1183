
# All there is, and then a sign of life; print a record whenever something changes.
echo '{"begin":true}'
records
while sleep 60; do
  echo '{"heartbeat":true}'
done
