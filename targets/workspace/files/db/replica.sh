#!/bin/sh
# Runs the replica. Where it has no data yet, it copies db's first, and tries again
# until db lets it. RUNBOOK, "The replica", says how to have it copied anew.
data=/var/lib/postgresql/replica/data

until [ -e "$data" ]; do
    rm -rf "$data.part" # a copy that was cut off
    if PGPASSWORD=replica pg_basebackup -h db.shop.internal -U replica -D "$data.part" --checkpoint=fast --no-sync; then
        touch "$data.part/standby.signal"
        mv "$data.part" "$data"
    else
        sleep 1
    fi
done
exec postgres -D "$data" -c config_file=/etc/postgresql/replica.conf
