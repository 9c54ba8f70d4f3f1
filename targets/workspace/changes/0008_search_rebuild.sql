-- The index of searches has grown to twice its size with the imports of spring: it is
-- built anew, beside the table, so that writes go on.
DROP INDEX CONCURRENTLY products_name_words;
-- No statement of a migration may hold up the shop.
SET statement_timeout = '100ms';
CREATE INDEX CONCURRENTLY products_name_words ON products USING gin (to_tsvector('simple', name));
