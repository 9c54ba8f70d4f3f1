# More catalogs ask the same database.
# caught by: users, fresh
set -e
for s in catalog-a catalog-b; do
  sed -i "/^  $s:\$/a\    scale: 3" compose.yaml
done
git commit -qam "three replicas of catalog in each zone"
docker compose up -d
