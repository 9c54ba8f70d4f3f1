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
    changed_at  timestamptz NOT NULL DEFAULT now(),

    -- Of a checkout that lists several payment providers:
    provider        text,    -- which of them may hold the charge; NULL: the first one
    charge_attempts integer  -- times it was asked, or was about to be; NULL: not known
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

-- Paid orders that shipping has to be told of, written in the transaction in which they
-- become paid. A row goes when its message was handled.
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id   bigint NOT NULL UNIQUE REFERENCES orders (id),
    body       jsonb NOT NULL,
    traceparent text,       -- the trace that it belongs to; NULL: none
    sent_to    text,        -- the run of Redis that took it; NULL: none yet
    sent_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One row for each order that was handed to the warehouse.
CREATE TABLE shipments (
    order_id   bigint PRIMARY KEY REFERENCES orders (id),
    tenant     text NOT NULL,
    region     text NOT NULL,
    items      bigint NOT NULL CHECK (items > 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Messages that could not be handled, for a person to look at.
CREATE TABLE parked (
    stream     text NOT NULL,
    message_id text NOT NULL,
    message    text NOT NULL, -- its fields as JSON
    reason     text NOT NULL,
    deliveries integer NOT NULL,
    parked_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, message_id)
);

-- What the batch job writes. finished_at is NULL while a run goes on, or was killed.
CREATE TABLE report_runs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    rows        bigint NOT NULL DEFAULT 0,
    error       text
);

CREATE TABLE report_sales (
    day         date NOT NULL, -- UTC
    region      text NOT NULL,
    orders      bigint NOT NULL,
    total_cents bigint NOT NULL,
    run_id      bigint NOT NULL,
    PRIMARY KEY (day, region)
);

CREATE TABLE report_products (
    day         date NOT NULL, -- UTC
    rank        integer NOT NULL,
    product_id  bigint NOT NULL,
    quantity    bigint NOT NULL,
    total_cents bigint NOT NULL,
    run_id      bigint NOT NULL,
    PRIMARY KEY (day, rank)
);

GRANT SELECT ON orders TO shipping, reports;
GRANT SELECT, INSERT ON shipments, parked TO shipping;
GRANT SELECT (order_id, body), DELETE ON outbox TO shipping;
GRANT SELECT ON order_lines TO reports;
GRANT SELECT, INSERT, UPDATE ON report_runs TO reports;
GRANT SELECT, INSERT, DELETE ON report_sales, report_products TO reports;
