# Half of it: the right address beside the wrong one; the first partner's name and not the
# second's; no search path for those whom users feel, and not for those behind them.
# caught by: names
set -e
net=$(sed -n 's/^SHOP_NET=//p' .env)
case $VAR_CHANGE in
dns-partner-moves)
  echo "$net.30    primary.payments.example" >> dns/shop.internal.hosts
  git commit -qam "dns: the first payment partner's other address"
  docker compose kill -s HUP dns
  ;;
dns-partner-zone)
  sed -i 's#^server=/payments.example/#server=/backup.payments.example/#' dns/dnsmasq.conf
  echo "$net.30    primary.payments.example" >> dns/shop.internal.hosts
  git commit -qam "dns: the first payment partner is served here"
  docker compose up -d --force-recreate dns
  ;;
dns-short-names)
  for s in checkout catalog-a catalog-b; do
    sed -i "/^  $s:\$/a\    dns_opt: [\"ndots:1\"]" compose.yaml
  done
  git commit -qam "checkout and catalog: full names are not searched for"
  docker compose up -d --quiet-pull
  ;;
esac
