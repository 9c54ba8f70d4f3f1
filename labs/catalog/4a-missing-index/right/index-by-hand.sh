# An index that the statement can use, beside what is there; written down afterwards.
set -e
psql -q -v ON_ERROR_STOP=1 -c "CREATE INDEX CONCURRENTLY products_search ON products USING gin (to_tsvector('simple', name))"
