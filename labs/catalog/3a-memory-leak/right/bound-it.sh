# The release stays; what it keeps gets a bound in the configuration.
set -e
sed -i "/^${VAR_KEY}:/,/max_entries/s/max_entries: 0/max_entries: 50/" "$VAR_CONFIG"
git commit -qam "$VAR_SERVICE: keep at most 50 entries"
docker compose up -d --force-recreate $VAR_CONTAINERS
