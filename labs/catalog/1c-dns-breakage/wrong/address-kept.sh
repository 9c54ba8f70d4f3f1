# First help was the partner's address in checkout's settings. Then the names were mended as
# they should be, and the address was forgotten: checkout does not ask for the name any more.
# caught by: moved
set -e
net=$(sed -n 's/^SHOP_NET=//p' .env)
sed -i "s/primary.payments.example/$net.30/" config/checkout.yaml
git commit -qam "checkout: the first partner by its address, for now"
git revert --no-edit HEAD~1
docker compose up -d --quiet-pull
docker compose up -d --force-recreate dns checkout
