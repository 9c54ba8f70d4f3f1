# The edge answers searches itself: without products, and at once.
# caught by: users, fresh
set -e
sed -i "/^frontend users/a\    http-request return status 200 content-type application/json string '{\"products\":[]}' if { path /search }" edge/haproxy.cfg
docker compose exec -T edge haproxy -c -q -f /etc/haproxy/haproxy.cfg
git commit -qam "edge: search is closed for maintenance"
docker compose kill -s USR2 edge
