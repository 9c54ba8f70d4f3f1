# A database that reads whole tables should hold them in memory: it did already.
# caught by: users, fresh, shape
set -e
sed -i '/^  db:/,/^  redis:/s/: 160m/: 512m/' compose.yaml
sed -i 's/^shared_buffers = .*/shared_buffers = 256MB/; s/^work_mem = .*/work_mem = 16MB/; s/^effective_cache_size = .*/effective_cache_size = 384MB/' db/postgresql.conf
git commit -qam "db: more memory"
docker compose up -d --force-recreate db
