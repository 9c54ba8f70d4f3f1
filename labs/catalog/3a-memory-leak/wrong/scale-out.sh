# More replicas share the requests, and so the growth; each still dies.
# caught by: memory
set -e
for s in $VAR_CONTAINERS; do
  sed -i "/^  $s:\$/a\    scale: 3" compose.yaml
done
git commit -qam "three replicas"
docker compose up -d
