-- Keys of clients: who may do what. Only a BLAKE3 hash of each is kept. A key is never removed: that it was there, and
-- when it ended, is known for ever. Times are microseconds since the Unix epoch.

CREATE TABLE api_keys (
    hash         BLOB NOT NULL PRIMARY KEY,
    -- What it is called in lists and logs: it tells nothing of the key.
    id           TEXT NOT NULL UNIQUE,
    client       TEXT NOT NULL,
    name         TEXT NOT NULL,
    -- Joined by +.
    scopes       TEXT NOT NULL,
    accounts     TEXT NOT NULL,
    -- Jobs a second; NULL: as many as the fleet's settings grant a client.
    rate         INTEGER NULL,
    created_at   INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    expires_at   INTEGER NULL,
    revoked_at   INTEGER NULL,
    last_used_at INTEGER NULL,
    -- Another number after every change, but for the time of use: the sum of all tells that some key changed.
    revision     INTEGER NOT NULL
) STRICT;

-- Who was turned away, and who changed what. Rows are only ever added.
CREATE TABLE audit_log (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    action     TEXT NOT NULL,
    client     TEXT NULL,
    key_id     TEXT NULL,
    address    TEXT NULL,
    request_id TEXT NULL,
    -- How often it happened within the second: a flood is one row.
    times      INTEGER NOT NULL,
    -- JSON.
    detail     TEXT NOT NULL
) STRICT;
CREATE INDEX audit_log_at ON audit_log (at);
