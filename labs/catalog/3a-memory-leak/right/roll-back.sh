# The release is undone as the runbook says: revert the deploy, bring it up.
set -e
git revert --no-edit HEAD
docker compose up -d
