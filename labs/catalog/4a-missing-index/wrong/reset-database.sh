# The database begins anew from its image, index and all; what was ordered is gone.
# caught by: orders
set -e
docker compose rm -sf db
docker volume rm "$(docker volume ls -q | grep db-data)"
docker compose up -d
