# The same addresses are written into the hosts files of containers that run: users are
# well, until the next deploy.
# caught by: restart, names
set -e
net=$(sed -n 's/^SHOP_NET=//p' .env)
for s in checkout catalog-a catalog-b shipping jobs web-us-a web-us-b web-eu web-ap; do
  docker compose exec -T -u root "$s" sh -c 'cat >> /etc/hosts' <<END
$net.10 edge.shop.internal catalog.shop.internal checkout.shop.internal
$net.20 db.shop.internal
$net.21 redis.shop.internal
$net.22 db-replica.shop.internal
$net.30 primary.payments.example
$net.31 backup.payments.example
$net.40 traces.shop.internal
END
done
