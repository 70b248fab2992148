-- Keys of clients: who may do what. Only a BLAKE3 hash of each is kept. A key is never removed: that it was there, and
-- when it ended, is known for ever. Times are microseconds since the Unix epoch.

CREATE TABLE api_keys (
    hash         BINARY(32) NOT NULL,
    -- What it is called in lists and logs: it tells nothing of the key.
    id           CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    client       VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    name         VARCHAR(140) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    -- Joined by +.
    scopes       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    accounts     TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- Jobs a second; NULL: as many as the fleet's settings grant a client.
    rate         BIGINT NULL,
    created_at   BIGINT NOT NULL,
    created_by   VARCHAR(140) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    expires_at   BIGINT NULL,
    revoked_at   BIGINT NULL,
    last_used_at BIGINT NULL,
    -- Another number after every change, but for the time of use: the sum of all tells that some key changed.
    revision     BIGINT NOT NULL,
    PRIMARY KEY (hash),
    UNIQUE KEY api_keys_id (id)
) ENGINE = InnoDB;

-- Who was turned away, and who changed what. Rows are only ever added.
CREATE TABLE audit_log (
    number     BIGINT NOT NULL AUTO_INCREMENT,
    at         BIGINT NOT NULL,
    action     VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    client     VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    key_id     VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    address    VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    request_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    -- How often it happened within the second: a flood is one row.
    times      BIGINT NOT NULL,
    -- JSON.
    detail     TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (number),
    KEY audit_log_at (at)
) ENGINE = InnoDB;
