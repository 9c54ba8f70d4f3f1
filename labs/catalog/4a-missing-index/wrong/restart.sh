# "Have you tried to turn it off and on again": the queue is empty for a second.
# caught by: users, fresh
set -e
docker compose restart db catalog-a catalog-b
