# A health check that ends it well below its limit: it dies more gently, and more often.
# caught by: memory
set -e
for s in $VAR_CONTAINERS; do
  sed -i "/^  $s:\$/a\    healthcheck: {test: [\"CMD-SHELL\", \"[ \$\$(awk '/VmRSS/{print \$\$2}' /proc/1/status) -lt 30000 ] || kill 1\"], interval: 1s, timeout: 1s, retries: 1}" compose.yaml
done
git commit -qam "a health check on memory"
docker compose up -d
