-- What is sold out is not to be found, so it need not be in the index of searches.
CREATE INDEX CONCURRENTLY products_name_words_in_stock ON products
    USING gin (to_tsvector('simple', name)) WHERE stock > 0;
DROP INDEX CONCURRENTLY products_name_words;
ALTER INDEX products_name_words_in_stock RENAME TO products_name_words;
