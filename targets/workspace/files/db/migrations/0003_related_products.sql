-- Related products: the next ones of the same category (web 5.8.0).
CREATE INDEX CONCURRENTLY products_category_id ON products (category, id);
