-- Webhooks: who is sent which events, what waits to be sent, and what became of each attempt. Times are microseconds since
-- the Unix epoch, by the clock of the machine.

CREATE TABLE webhook_endpoints (
    id TEXT NOT NULL,
    client TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    -- Joined by +; empty: every type.
    types TEXT NOT NULL,
    accounts TEXT NOT NULL,
    secret TEXT NOT NULL,
    -- The secret before it, and until when it signs too.
    old_secret TEXT NULL,
    old_secret_until INTEGER NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    -- The key in the database that made it; NULL: another kind of key did.
    key_id TEXT NULL,
    -- Why nothing is sent; NULL: it is sent.
    disabled TEXT NULL,
    disabled_at INTEGER NULL,
    -- Since when every attempt has failed.
    failing_since INTEGER NULL,
    -- The place in the stream from which on it has still to be given its events; 0: from the time on at which it was made;
    -- NULL: where all others are.
    behind_at INTEGER NULL,
    -- When events were gone from the stream before they were read for it.
    missed_at INTEGER NULL,
    -- Another number after every change that whoever delivers has to know of.
    revision INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT;
CREATE INDEX webhook_endpoints_client ON webhook_endpoints (client);

-- Up to where the stream was read: one row, while there are endpoints.
CREATE TABLE webhook_place (
    one INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (one)
) STRICT;

-- What waits to be sent. Of each account of an endpoint the oldest row alone has a time at which it is due: the others wait
-- for it.
CREATE TABLE webhook_deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL,
    event TEXT NOT NULL,
    type TEXT NOT NULL,
    account TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NULL,
    -- Who has it in hand, until it is due again.
    lease INTEGER NULL
) STRICT;
CREATE UNIQUE INDEX webhook_deliveries_event ON webhook_deliveries (endpoint, event);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint, due_at);
CREATE INDEX webhook_deliveries_account ON webhook_deliveries (endpoint, account, number);

CREATE TABLE webhook_attempts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL,
    event TEXT NOT NULL,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    -- What was answered; NULL: nothing was.
    status INTEGER NULL,
    error TEXT NULL,
    answer TEXT NOT NULL,
    took_ms INTEGER NOT NULL,
    -- delivered, retry or given_up
    result TEXT NOT NULL
) STRICT;
CREATE INDEX webhook_attempts_endpoint ON webhook_attempts (endpoint, number);
CREATE INDEX webhook_attempts_at ON webhook_attempts (at);

-- Events that somebody wants to be sent once more, from the stream.
CREATE TABLE webhook_resends (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL,
    -- NULL: all of that time.
    event TEXT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    -- Where it goes on; NULL: it has not begun.
    place INTEGER NULL
) STRICT;
CREATE INDEX webhook_resends_endpoint ON webhook_resends (endpoint);
