-- Sums of sales, for the board. Role reports exists already.
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

GRANT SELECT ON orders, order_lines TO reports;
GRANT SELECT, INSERT, UPDATE ON report_runs TO reports;
GRANT SELECT, INSERT, DELETE ON report_sales, report_products TO reports;
