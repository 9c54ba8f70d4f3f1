# Yesterday's zone, rolled out from a file of one's own "until the others are in": users are
# well, until somebody deploys what the repository says.
# caught by: restart, names
set -e
mkdir dns-hotfix
for f in dnsmasq.conf shop.internal.hosts; do
  git show "HEAD~1:dns/$f" > "dns-hotfix/$f"
done
cat > dns-hotfix/compose.yaml <<'END'
services:
  dns:
    volumes: ["./dns-hotfix:/etc/dnsmasq:ro"]
END
docker compose -f compose.yaml -f dns-hotfix/compose.yaml up -d --quiet-pull dns
