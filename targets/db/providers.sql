-- For a checkout that lists several payment providers: which of them may hold an order's
-- charge. Run in database shop, as shop or a superuser, before such a checkout starts.
ALTER TABLE orders
    ADD COLUMN IF NOT EXISTS provider        text,    -- NULL: the first provider
    ADD COLUMN IF NOT EXISTS charge_attempts integer; -- times it was asked, or was about to be; NULL: not known
