# As right by another rule of the resolver, or at the other end.
set -e
net=$(sed -n 's/^SHOP_NET=//p' .env)
case $VAR_CHANGE in
dns-partner-moves)
  sed -i '/ primary.payments.example$/d' dns/shop.internal.hosts
  echo "host-record=primary.payments.example,$net.30" >> dns/dnsmasq.conf
  git commit -qam "dns: the first payment partner has a record of its own"
  docker compose up -d --force-recreate dns
  ;;
dns-partner-zone)
  sed -i "s#^server=.*#local=/payments.example/\nhost-record=primary.payments.example,$net.30\nhost-record=backup.payments.example,$net.31#" dns/dnsmasq.conf
  git commit -qam "dns: payments.example is served here"
  docker compose up -d --force-recreate dns
  ;;
dns-short-names) # everything below shop.example stays the edge; nobody searches there
  sed -i '/^  dns_search: /d; /^  dns_opt: /d' compose.yaml
  git commit -qam "no search path"
  docker compose up -d --quiet-pull
  ;;
esac
