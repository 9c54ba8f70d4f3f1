# Traces show requests that wait for a connection, so there should be more of them:
# now as many searches share the same processors at the same time.
# caught by: users, fresh
set -e
sed -i 's/^  pool: 4 .*/  pool: 20/' config/catalog.yaml
git commit -qam "catalog: 20 connections a replica"
docker compose up -d --force-recreate catalog-a catalog-b
