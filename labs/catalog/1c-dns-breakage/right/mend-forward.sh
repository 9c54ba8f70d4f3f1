# What was wrong in the deploy is mended, and what was wanted with it stays where it can.
set -e
net=$(sed -n 's/^SHOP_NET=//p' .env)
case $VAR_CHANGE in
dns-partner-moves)
  sed -i "s/^.* primary.payments.example\$/$net.30    primary.payments.example/" dns/shop.internal.hosts
  git commit -qam "dns: the first payment partner is where it was"
  docker compose kill -s HUP dns
  ;;
dns-partner-zone)
  sed -i '/^server=/d' dns/dnsmasq.conf
  sed -i "s/^# payments.example: .*/$net.30    primary.payments.example\n$net.31    backup.payments.example/" dns/shop.internal.hosts
  git commit -qam "dns: partners' names are ours to serve"
  docker compose up -d --force-recreate dns
  ;;
dns-short-names) # the search path stays, for the names that there are: they are in the zone
  sed -i 's#^address=/shop.example/.*#local=/shop.example/#' dns/dnsmasq.conf
  git commit -qam "dns: below shop.example only what exists"
  docker compose up -d --force-recreate dns
  ;;
esac
