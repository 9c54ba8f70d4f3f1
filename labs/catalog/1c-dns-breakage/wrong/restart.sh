# "Have you tried to turn it off and on again": it comes up with the same names.
# caught by: users
set -e
docker compose restart dns checkout catalog-a catalog-b web-us-a web-us-b web-eu web-ap
