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

CREATE TABLE orders (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL UNIQUE, -- from the user's app: the same key is the same order
    tenant      text NOT NULL,
    region      text NOT NULL,
    state       text NOT NULL CHECK (state IN ('pending', 'paid', 'declined', 'cancelled')),
    total_cents bigint NOT NULL,
    charge_id   text,                 -- the payment partner's
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE order_lines (
    order_id    bigint NOT NULL REFERENCES orders (id),
    product_id  bigint NOT NULL REFERENCES products (id),
    quantity    integer NOT NULL CHECK (quantity BETWEEN 1 AND 99),
    price_cents integer NOT NULL, -- of one, when it was ordered
    PRIMARY KEY (order_id, product_id)
);

-- Orders whose payment is not known yet: few, and looked for all the time.
CREATE INDEX orders_pending ON orders (created_at) WHERE state = 'pending';
