# Names are replaced by addresses in the settings of every service: users are well, it is in
# git, and it lasts. Whoever asks for a name is still led astray.
# caught by: names
set -e
net=$(sed -n 's/^SHOP_NET=//p' .env)
sed -i "s/db.shop.internal/$net.20/; s/db-replica.shop.internal/$net.22/; s/redis.shop.internal/$net.21/; s/catalog.shop.internal/$net.10/; s/checkout.shop.internal/$net.10/
  s/traces.shop.internal/$net.40/; s/primary.payments.example/$net.30/; s/backup.payments.example/$net.31/" config/*.yaml
git commit -qam "addresses instead of names"
docker compose up -d --force-recreate checkout catalog-a catalog-b shipping jobs web-us-a web-us-b web-eu web-ap
