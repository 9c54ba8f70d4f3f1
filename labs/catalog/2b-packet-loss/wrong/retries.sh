# Retries without a budget: many users get a quick second answer, and the lossy
# link gets a multiple of the requests.
# caught by: tolerance
set -e
sed -i 's/^    retries .*/    retries 8/; s/^    retry-on .*/    retry-on all-retryable-errors/; s/^    timeout server .*/    timeout server 60ms/; s/^    timeout connect .*/    timeout connect 40ms/; s/^    option redispatch .*/    option redispatch 8/' edge/haproxy.cfg
sed -i 's/^  timeout: 1s .*/  timeout: 60ms/; s/^  retries: 0 .*/  retries: 8/' config/web.yaml
docker compose exec -T edge haproxy -c -q -f /etc/haproxy/haproxy.cfg
git commit -qam "retry until it works"
docker compose kill -s USR2 edge
docker compose up -d --force-recreate web-us-a web-us-b web-eu web-ap
escalate network --about "$VAR_PLACE" --evidence "packets are lost"
