# The zone is taken out at the edge; the others hold the load; its owner is paged.
set -e
sed -i "/^ *server-template ${VAR_PLACE}-/s/^/#/" edge/haproxy.cfg
docker compose exec -T edge haproxy -c -q -f /etc/haproxy/haproxy.cfg
git commit -qam "edge: drain $VAR_PLACE"
docker compose kill -s USR2 edge
escalate network --about "$VAR_PLACE" --evidence "ping across the uplink: $VAR_PERCENT % lost; 0 % in other zones"
