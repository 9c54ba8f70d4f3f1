CREATE TABLE categories (
    name    text PRIMARY KEY,
    details text NOT NULL
);

CREATE TABLE products (
    id          bigint PRIMARY KEY,
    sku         text NOT NULL UNIQUE,
    name        text NOT NULL,
    description text NOT NULL,
    category    text NOT NULL,
    price_cents integer NOT NULL CHECK (price_cents > 0),
    stock       integer NOT NULL CHECK (stock >= 0),
    tenant      text NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE INDEX products_name_words ON products USING gin (to_tsvector('simple', name));
