# "It is killed for lack of memory, so give it more": the round takes longer.
# caught by: memory, shape
set -e
sed -i 's/^  mem_limit: .*/  mem_limit: 512m/; s/^  memswap_limit: .*/  memswap_limit: 512m/' compose.yaml
git commit -qam "more memory"
docker compose up -d
