# The platform team owns the machines, not the link; the zone stays lossy.
# caught by: users, owner
set -e
escalate platform --about "$VAR_PLACE" --evidence "requests to $VAR_PLACE are slow"
