# Nothing is changed; the owner is paged with the facts, and mends it within a minute.
set -e
escalate network --about "$VAR_PLACE" --evidence "TcpRetransSegs climb in $VAR_PLACE only"
end=$((SECONDS + 120))
until docker compose exec -T "$VAR_WEB" ping -q -c 100 -i 0.05 edge | grep ' 0% packet loss'; do
  [ "$SECONDS" -lt "$end" ] || { echo "packets are still lost after two minutes" >&2; exit 1; }
done
