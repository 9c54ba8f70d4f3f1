-- First step towards a database for each tenant: products are told apart by tenant and
-- id. Tables of one tenant cannot refer to another's, so their references go.
ALTER TABLE products
    DROP CONSTRAINT products_pkey CASCADE,
    ADD PRIMARY KEY (tenant, id);
