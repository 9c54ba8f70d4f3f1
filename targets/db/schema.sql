-- Tables and indexes of the shop. Run in database shop, as shop or a superuser:
--   psql -d shop -f schema.sql
\set ON_ERROR_STOP on
SET ROLE shop;

CREATE TABLE categories (
    name    text PRIMARY KEY,
    details text NOT NULL -- shown with every product: care, delivery, returns
);

CREATE TABLE products (
    id          bigint PRIMARY KEY,
    sku         text NOT NULL UNIQUE,
    name        text NOT NULL,
    description text NOT NULL,
    category    text NOT NULL REFERENCES categories (name),
    price_cents integer NOT NULL CHECK (price_cents > 0),
    stock       integer NOT NULL CHECK (stock >= 0),
    tenant      text NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE TABLE featured (
    position   integer PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES products (id)
);

-- Search: every word of the query has to be in the name.
CREATE INDEX products_name_words ON products USING gin (to_tsvector('simple', name));
