-- The ledger on SQLite: the tables of migrations/mysql, without eras.
--
-- Times are microseconds since the Unix epoch. Amounts are minor units. Ids of jobs are 16 bytes of a
-- UUID. STRICT tables refuse what is of another type.

CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    id              INTEGER PRIMARY KEY,
    number          TEXT NOT NULL UNIQUE,
    currency        TEXT NOT NULL,
    balance         INTEGER NOT NULL,
    held            INTEGER NOT NULL,
    overdraft_limit INTEGER NOT NULL,
    status          TEXT NOT NULL,
    -- Number of its entries.
    seq             INTEGER NOT NULL,
    -- Head of the chain over its entries.
    digest          BLOB NOT NULL,
    holder          TEXT,
    opened_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE jobs (
    seq         INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE,
    client      TEXT NOT NULL,
    reference   TEXT,
    kind        TEXT NOT NULL,
    lane        INTEGER NOT NULL,
    -- Number of the account that it draws on, whether or not that account exists.
    account     TEXT NOT NULL,
    -- The very bytes that the fingerprint is of.
    body        TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    -- posted, rejected (then `reason`) or dead (then `cause`, which stays when a replay posts it).
    outcome     TEXT NOT NULL,
    reason      TEXT,
    cause       TEXT,
    ingress     TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    posted_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE entries (
    account_id    INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    job           BLOB NOT NULL,
    amount        INTEGER NOT NULL,
    balance_after INTEGER NOT NULL,
    posted_at     INTEGER NOT NULL,
    era           INTEGER NOT NULL,
    PRIMARY KEY (account_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE holds (
    -- Of the job that made it.
    id         BLOB NOT NULL PRIMARY KEY,
    account_id INTEGER NOT NULL,
    currency   TEXT NOT NULL,
    amount     INTEGER NOT NULL,
    -- What was moved, once `status` is captured.
    captured   INTEGER,
    -- active, captured or released.
    status     TEXT NOT NULL,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX holds_expiry ON holds (status, expires_at);
CREATE INDEX holds_account ON holds (account_id);

CREATE TABLE reversals (
    original BLOB NOT NULL PRIMARY KEY,
    by_job   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Counts of what is in `jobs` and `entries`.
CREATE TABLE lane_totals (
    lane     INTEGER NOT NULL PRIMARY KEY,
    posted   INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    dead     INTEGER NOT NULL,
    entries  INTEGER NOT NULL
) STRICT;
