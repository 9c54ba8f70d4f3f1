# A page of three products should be cheaper than one of 24; finding them is not.
# caught by: users, fresh
set -e
sed -i '/^search:/,/limit:/s/limit: 24/limit: 3/' config/web.yaml
git commit -qam "web: short pages of search"
docker compose up -d --force-recreate web-us-a web-us-b web-eu web-ap
