# Nothing is changed; the owner is paged with the facts and mends it.
set -e
escalate network --about "$VAR_PLACE" --evidence "TcpRetransSegs climb in $VAR_PLACE only"
sleep 14
