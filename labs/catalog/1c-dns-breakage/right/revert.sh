# The deploy is taken back and rolled out as it was.
set -e
git revert --no-edit HEAD
docker compose up -d --quiet-pull
docker compose up -d --force-recreate dns
