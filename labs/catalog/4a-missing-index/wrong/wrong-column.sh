# "There is no index on name": now there is, and one over the descriptions, and the
# statement asks for neither.
# caught by: users, fresh
set -e
psql -q -v ON_ERROR_STOP=1 -c 'CREATE INDEX CONCURRENTLY products_name ON products (name text_pattern_ops)'
psql -q -v ON_ERROR_STOP=1 -c "CREATE INDEX CONCURRENTLY products_description_words ON products USING gin (to_tsvector('simple', description))"
