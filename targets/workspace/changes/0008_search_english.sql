-- Search is to find a word in all its forms: lamps for lamp. Products are indexed by their
-- stems; the index of whole words has no further use.
CREATE INDEX CONCURRENTLY products_name_stems ON products USING gin (to_tsvector('english', name));
DROP INDEX CONCURRENTLY products_name_words;
