# Roll forward to the previous release without git revert.
set -e
sed -i "s#/${VAR_SERVICE}:${VAR_RELEASE}#/${VAR_SERVICE}:${VAR_PREVIOUS}#" compose.yaml
git commit -qam "$VAR_SERVICE: back to $VAR_PREVIOUS"
docker compose up -d
