-- Orders move from the old shop's database to this one.
CREATE TABLE orders (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL UNIQUE,
    tenant      text NOT NULL,
    region      text NOT NULL,
    state       text NOT NULL CHECK (state IN ('pending', 'paid', 'declined', 'cancelled')),
    total_cents bigint NOT NULL,
    charge_id   text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE order_lines (
    order_id    bigint NOT NULL REFERENCES orders (id),
    product_id  bigint NOT NULL REFERENCES products (id),
    quantity    integer NOT NULL CHECK (quantity BETWEEN 1 AND 99),
    price_cents integer NOT NULL,
    PRIMARY KEY (order_id, product_id)
);

CREATE INDEX orders_pending ON orders (created_at) WHERE state = 'pending';
