# The backup partner is asked when the first cannot be reached. Where that is all that users
# feel they are well, for a higher price; the name stays wrong.
# caught by: names
set -e
sed -i 's/failover: off .*/failover: open-breaker/' config/checkout.yaml
git commit -qam "checkout: the backup partner stands in"
docker compose up -d --force-recreate checkout
