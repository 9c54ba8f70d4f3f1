# "The planner has lost its mind": statistics are made anew, and were right before.
# caught by: users, fresh
set -e
psql -q -v ON_ERROR_STOP=1 -c 'ALTER TABLE products ALTER COLUMN name SET STATISTICS 1000' -c 'VACUUM ANALYZE products'
docker compose restart catalog-a catalog-b
