# A restart empties the memory, and users are well again: for one round.
# caught by: memory
set -e
docker compose restart $VAR_CONTAINERS
