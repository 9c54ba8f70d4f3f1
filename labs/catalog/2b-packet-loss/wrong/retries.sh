# Retries without a budget: many users get a quick second answer, and the lossy
# link gets a multiple of the requests. Graded when the link is mended already.
# caught by: tolerance
set -e
sed -i 's/^    retries .*/    retries 4/; s/^    retry-on .*/    retry-on all-retryable-errors/; s/^    timeout server .*/    timeout server 100ms/; s/^    option redispatch .*/    no option redispatch/' edge/haproxy.cfg
docker compose exec -T edge haproxy -c -f /etc/haproxy/haproxy.cfg
git commit -qam "retry until it works"
docker compose kill -s USR2 edge
escalate network --about "$VAR_PLACE" --evidence "packets are lost"
end=$((SECONDS + 120))
until docker compose exec -T "$VAR_WEB" ping -q -c 100 -i 0.05 edge | grep ' 0% packet loss'; do
  [ "$SECONDS" -lt "$end" ] || { echo "packets are still lost after two minutes" >&2; exit 1; }
done
