# "Our resolver is broken, the big ones are not": they do not know our names, and nothing
# here reaches them.
# caught by: users
set -e
sed -i 's/^  dns: .*/  dns: ["9.9.9.9", "${SHOP_NET}.53"]/' compose.yaml
git commit -qam "a public resolver first"
docker compose up -d --quiet-pull
