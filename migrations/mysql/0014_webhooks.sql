-- Webhooks: who is sent which events, what waits to be sent, and what became of each attempt. Times are microseconds since
-- the Unix epoch, by the clock of this server.

CREATE TABLE webhook_endpoints (
    id               CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    client           VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    name             VARCHAR(140) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    url              VARCHAR(2048) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- Joined by +; empty: every type.
    types            TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    accounts         TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    secret           VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- The secret before it, and until when it signs too.
    old_secret       VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NULL,
    old_secret_until BIGINT NULL,
    created_at       BIGINT NOT NULL,
    created_by       VARCHAR(140) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    -- The key in the database that made it; NULL: another kind of key did.
    key_id           CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
    -- Why nothing is sent; NULL: it is sent.
    disabled         VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
    disabled_at      BIGINT NULL,
    -- Since when every attempt has failed.
    failing_since    BIGINT NULL,
    -- The place in the stream from which on it has still to be given its events; 0: from the time on at which it was made;
    -- NULL: where all others are.
    behind_at        BIGINT NULL,
    -- When events were gone from the stream before they were read for it.
    missed_at        BIGINT NULL,
    -- Another number after every change that whoever delivers has to know of.
    revision         BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY webhook_endpoints_client (client)
) ENGINE = InnoDB;

-- Up to where the stream was read: one row, while there are endpoints.
CREATE TABLE webhook_place (
    one   TINYINT NOT NULL,
    place BIGINT NOT NULL,
    PRIMARY KEY (one)
) ENGINE = InnoDB;

-- What waits to be sent. Of each account of an endpoint the oldest row alone has a time at which it is due: the others wait
-- for it.
CREATE TABLE webhook_deliveries (
    number   BIGINT NOT NULL AUTO_INCREMENT,
    endpoint CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event    VARCHAR(140) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    type     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    account  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    body     MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    attempts BIGINT NOT NULL,
    due_at   BIGINT NULL,
    -- Who has it in hand, until it is due again.
    lease    BIGINT NULL,
    PRIMARY KEY (number),
    UNIQUE KEY webhook_deliveries_event (endpoint, event),
    KEY webhook_deliveries_due (endpoint, due_at),
    KEY webhook_deliveries_account (endpoint, account, number)
) ENGINE = InnoDB;

CREATE TABLE webhook_attempts (
    number   BIGINT NOT NULL AUTO_INCREMENT,
    endpoint CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event    VARCHAR(140) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    type     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at       BIGINT NOT NULL,
    attempt  BIGINT NOT NULL,
    -- What was answered; NULL: nothing was.
    status   BIGINT NULL,
    error    VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    answer   VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    took_ms  BIGINT NOT NULL,
    -- delivered, retry or given_up
    result   VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (number),
    KEY webhook_attempts_endpoint (endpoint, number),
    KEY webhook_attempts_at (at)
) ENGINE = InnoDB;

-- Events that somebody wants to be sent once more, from the stream.
CREATE TABLE webhook_resends (
    number   BIGINT NOT NULL AUTO_INCREMENT,
    endpoint CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- NULL: all of that time.
    event    VARCHAR(140) CHARACTER SET ascii COLLATE ascii_bin NULL,
    since    BIGINT NOT NULL,
    until    BIGINT NOT NULL,
    -- Where it goes on; NULL: it has not begun.
    place    BIGINT NULL,
    PRIMARY KEY (number),
    KEY webhook_resends_endpoint (endpoint)
) ENGINE = InnoDB;
