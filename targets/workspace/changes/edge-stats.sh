# Keeps what the edge counts, every second, for the morning's review: of every figure the
# highest of the day and when that was, written at midnight and when it ends. The page of
# the edge always has the same order; six share it, a line each in turn, to be in time.
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
for n in 1 2 3 4 5 6; do
  while :; do
    curl -sf -m 5 http://edge.shop.internal:8404/metrics | grep -v '^#' | sed -n "$n~6s/^/$(date -u +%FT%TZ) /p"
    sleep 1
  done | highest $n &
done
wait
