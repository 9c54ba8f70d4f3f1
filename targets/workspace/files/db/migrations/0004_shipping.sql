-- Paid orders go to the warehouse through a queue. Role shipping exists already.
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

GRANT SELECT ON orders TO shipping;
GRANT SELECT, INSERT ON shipments, parked TO shipping;
GRANT SELECT (order_id, body), DELETE ON outbox TO shipping;
