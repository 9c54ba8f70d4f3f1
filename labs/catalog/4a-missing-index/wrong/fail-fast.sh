# A time limit on statements keeps slow searches from slowing the rest; nobody finds
# anything any more.
# caught by: users, fresh
set -e
psql -q -c "ALTER ROLE shop SET statement_timeout = '60ms'"
docker compose restart catalog-a catalog-b
