-- What tenants pay, in percent of the price. The latest rule of a product counts.
CREATE TABLE price_rules (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant     text NOT NULL,
    sku        text NOT NULL,
    percent    integer NOT NULL CHECK (percent BETWEEN 1 AND 100),
    valid_from date NOT NULL
);

-- From the old system: some offers of each tenant, and harbour's contract, which names
-- every product.
INSERT INTO price_rules (tenant, sku, percent, valid_from)
SELECT tenant, sku, 90, date '2025-01-01' FROM products WHERE id % 1500 < 8 ORDER BY tenant, sku;
INSERT INTO price_rules (tenant, sku, percent, valid_from)
SELECT 'harbour', sku, 95, date '2025-07-01' FROM products ORDER BY sku;

CREATE INDEX price_rules_tenant ON price_rules (tenant);
ANALYZE price_rules;
