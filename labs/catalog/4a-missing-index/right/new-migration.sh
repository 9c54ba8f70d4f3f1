# The next migration puts the index back under its name.
set -e
cat > db/migrations/0009_search_index.sql <<'END'
-- Searches ask for whole words of all products: 0008 left them without an index.
DROP INDEX CONCURRENTLY IF EXISTS products_name_words;
CREATE INDEX CONCURRENTLY products_name_words ON products USING gin (to_tsvector('simple', name));
END
git add db/migrations
git commit -qm "db: 0009, the search index is back"
psql -q -v ON_ERROR_STOP=1 -f db/migrations/0009_search_index.sql
