-- What was found in accounts' histories, and the runs that found it. Times are microseconds since the Unix epoch.

CREATE TABLE analyses (
    -- Of the request that started it.
    run          BLOB NOT NULL PRIMARY KEY,
    client       TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    -- The request, as JSON.
    request      TEXT NOT NULL,
    -- How many there are, once that is known.
    batches      INTEGER,
    accounts     INTEGER,
    cancelled_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX analyses_requested ON analyses (requested_at, run);

-- A batch that comes again replaces its row, so that nothing is counted twice.
CREATE TABLE analysis_batches (
    run      BLOB NOT NULL,
    batch    INTEGER NOT NULL,
    accounts INTEGER NOT NULL,
    failed   INTEGER NOT NULL,
    -- Of the first that failed.
    cause    TEXT,
    at       INTEGER NOT NULL,
    PRIMARY KEY (run, batch)
) STRICT, WITHOUT ROWID;

-- The latest of each account.
CREATE TABLE patterns (
    account TEXT NOT NULL PRIMARY KEY,
    run     BLOB NOT NULL,
    at      INTEGER NOT NULL,
    -- JSON.
    body    TEXT NOT NULL
) STRICT;
CREATE INDEX patterns_run ON patterns (run, account);
