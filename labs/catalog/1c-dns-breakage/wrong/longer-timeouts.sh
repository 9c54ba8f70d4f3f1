# The errors are time-outs, so time-outs are made longer: users wait longer for nobody.
# caught by: users
set -e
sed -i 's/timeout: 1s .*/timeout: 10s/; s/timeout: 2s .*/timeout: 20s/' config/web.yaml config/checkout.yaml
sed -i 's/timeout server .*/timeout server 30s/' edge/haproxy.cfg
git commit -qam "longer time-outs"
docker compose kill -s USR2 edge
docker compose up -d --force-recreate checkout web-us-a web-us-b web-eu web-ap
