# More replicas behind the same link.
# caught by: users
set -e
sed -i "/^  $VAR_WEB:\$/a\    scale: 3" compose.yaml
git commit -qam "three replicas of $VAR_WEB"
docker compose up -d
