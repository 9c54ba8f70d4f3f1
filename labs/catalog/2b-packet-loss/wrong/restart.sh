# Restart what is slow: it was never what is slow.
# caught by: users
set -e
docker compose restart "$VAR_WEB"
