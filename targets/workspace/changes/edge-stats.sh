# Keeps what the edge counts, by proxy, for the morning's review: of every figure the
# median and the highest of the day, written at midnight and when it ends.
sum() {
  awk -v to="${TMPDIR:-/tmp}/edge-stats-$1.csv" '
    function write(  f, i, n, v, a) {
      for (f in seen) {
        n = split(seen[f], a, " ")
        for (i = 1; i <= n; i++) if (i == 1 || a[i] + 0 > v) v = a[i] + 0
        print day, f, a[int((n + 1) / 2)], v >> to
      }
      close(to)
      split("", seen)
    }
    $1 != day { if (day != "") write(); day = $1 }
    { seen[$2] = seen[$2] $3 " " }
    END { write() }'
}
for proxy in users us eu ap catalog checkout; do
  while :; do
    curl -sf -m 5 http://edge.shop.internal:8404/metrics | grep "proxy=\"$proxy\"" | sed "s/^/$(date -u +%F) /"
    sleep 1
  done | sum $proxy &
done
wait
