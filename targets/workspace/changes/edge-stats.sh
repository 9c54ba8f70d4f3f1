# Keeps what the edge counts, every second, for the morning's review: of every figure the
# highest of the day and when that was, written at midnight and when it ends.
highest() {
  awk -v to="${TMPDIR:-/tmp}/edge-stats-$1.csv" '
    function write(  k, p, top, when) {
      for (k in seen) {
        split(k, p, " ")
        if (!(p[1] in top) || seen[k] + 0 > top[p[1]]) { top[p[1]] = seen[k] + 0; when[p[1]] = p[2] }
      }
      for (k in top) print when[k] "," k "," top[k] >> to
      close(to)
      split("", seen)
    }
    { at = substr($1, 1, 10) }
    at != day { if (day != "") write(); day = at }
    { seen[$2 " " $1] = $3 }
    END { write() }'
}
for proxy in users us eu ap catalog checkout; do
  while :; do
    curl -sf -m 5 http://edge.shop.internal:8404/metrics | grep "proxy=\"$proxy\"" | sed "s/^/$(date -u +%FT%TZ) /"
    sleep 1
  done | highest $proxy &
done
wait
