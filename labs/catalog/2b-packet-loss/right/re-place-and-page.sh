# What runs in the zone is placed elsewhere; its owner is paged.
set -e
sed -i "s/place: $VAR_PLACE/place: $VAR_SPARE/; s/ZONE: $VAR_PLACE/ZONE: $VAR_SPARE/" compose.yaml
git commit -qam "move out of $VAR_PLACE"
docker compose up -d
escalate network --about "uplink of $VAR_PLACE" --evidence "retransmissions only on connections to $VAR_PLACE"
