CREATE TABLE featured (
    position   integer PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES products (id)
);
