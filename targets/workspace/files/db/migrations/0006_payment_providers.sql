-- Which of several payment partners may hold an order's charge. Orders from before
-- have NULL, and belong to the first one. New columns without a default take no time.
ALTER TABLE orders
    ADD COLUMN provider        text,
    ADD COLUMN charge_attempts integer;
