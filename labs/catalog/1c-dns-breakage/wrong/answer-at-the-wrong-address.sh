# If names lead to the wrong place, somebody there passes on what arrives: users are well, it
# is in git, and it lasts. Every name means what it should not.
# caught by: names
set -e
net=$(sed -n 's/^SHOP_NET=//p' .env)
relay() { # PORT ADDRESS: a part of the configuration that passes a port on
  printf 'frontend pass-%s\n    mode tcp\n    bind :%s\n    default_backend pass-%s\nbackend pass-%s\n    mode tcp\n    server there %s:%s no-check\n' "$1" "$1" "$1" "$1" "$2" "$1"
}
case $VAR_CHANGE in
dns-short-names)
  { relay 5432 "$net.20"; relay 6379 "$net.21"; relay 4318 "$net.40"; relay 8080 "$net.30"; } >> edge/haproxy.cfg
  docker compose exec -T edge haproxy -c -q -f /etc/haproxy/haproxy.cfg
  git commit -qam "edge: database, cache, traces and payments are reached here too"
  docker compose up -d --force-recreate edge
  ;;
*)
  mkdir relay
  { printf 'defaults\n    timeout connect 1s\n    timeout client 1m\n    timeout server 1m\n'; relay 8080 "$net.30"; } > relay/haproxy.cfg
  at=33
  [ "$VAR_CHANGE" = dns-partner-zone ] || at=13
  cat > /tmp/relay.yaml <<END
  relay:
    <<: *service
    image: \${REGISTRY}/edge:3.0
    labels: {place: us-a}
    volumes: ["./relay:/etc/haproxy:ro"]
    mem_limit: 32m
    memswap_limit: 32m
    networks:
      shop: {ipv4_address: "\${SHOP_NET}.$at", aliases: [primary.payments.example]}

END
  sed -i '/^services:$/r /tmp/relay.yaml' compose.yaml
  git add relay compose.yaml
  git commit -qm "a relay to the first payment partner"
  docker compose up -d --quiet-pull
  ;;
esac
