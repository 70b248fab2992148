-- What was found in accounts' histories, and the runs that found it. Times are microseconds since the Unix epoch.

CREATE TABLE analyses (
    -- Of the request that started it.
    run          BINARY(16) NOT NULL PRIMARY KEY,
    client       VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    requested_at BIGINT NOT NULL,
    -- The request, as JSON.
    request      MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    -- How many there are, once that is known.
    batches      BIGINT NULL,
    accounts     BIGINT NULL,
    cancelled_at BIGINT NULL
) ENGINE = InnoDB;
CREATE INDEX analyses_requested ON analyses (requested_at, run);

-- A batch that comes again replaces its row, so that nothing is counted twice.
CREATE TABLE analysis_batches (
    run      BINARY(16) NOT NULL,
    batch    BIGINT NOT NULL,
    accounts BIGINT NOT NULL,
    failed   BIGINT NOT NULL,
    -- Of the first that failed.
    cause    TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (run, batch)
) ENGINE = InnoDB;

-- The latest of each account.
CREATE TABLE patterns (
    account VARCHAR(34) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    run     BINARY(16) NOT NULL,
    at      BIGINT NOT NULL,
    -- JSON.
    body    MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
) ENGINE = InnoDB;
CREATE INDEX patterns_run ON patterns (run, account);
