-- The ledger on MySQL 8.4 and 9.x and on MariaDB 10.11: nothing here may depend on one of them.
--
-- Times are microseconds since the Unix epoch. Amounts are minor units. Ids of jobs are 16 bytes of a
-- UUID. Character sets and collations are spelled out, since the servers' defaults differ; all compare
-- byte by byte. No foreign keys: the one writer checks them all in memory, and `tellers verify` again.

CREATE TABLE settings (
    name  VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    value VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB;

CREATE TABLE accounts (
    id              BIGINT NOT NULL AUTO_INCREMENT,
    number          VARCHAR(34) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    currency        CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    balance         BIGINT NOT NULL,
    held            BIGINT NOT NULL,
    overdraft_limit BIGINT NOT NULL,
    status          VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- Number of its entries.
    seq             BIGINT NOT NULL,
    -- Head of the chain over its entries.
    digest          BINARY(32) NOT NULL,
    holder          VARCHAR(140) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    opened_at       BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY accounts_number (number)
) ENGINE = InnoDB;

-- Ids are random, so they must not cluster the table: rows are appended by `seq`.
CREATE TABLE jobs (
    seq         BIGINT NOT NULL AUTO_INCREMENT,
    id          BINARY(16) NOT NULL,
    client      VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    reference   VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    kind        VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    lane        SMALLINT NOT NULL,
    -- Number of the account that it draws on, whether or not that account exists.
    account     VARCHAR(34) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- The very bytes that the fingerprint is of, so not the JSON type, which reorders them.
    body        MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    fingerprint BINARY(16) NOT NULL,
    -- posted, rejected (then `reason`) or dead (then `cause`, which stays when a replay posts it).
    outcome     VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reason      VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    cause       TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    ingress     VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    accepted_at BIGINT NOT NULL,
    posted_at   BIGINT NOT NULL,
    PRIMARY KEY (seq),
    UNIQUE KEY jobs_id (id)
) ENGINE = InnoDB;

-- An account's entries lie together, within an era: a stretch of time in which about two million entries
-- are written, so that the part of the tree being written stays in memory however large the ledger is.
-- The fleet adds eras ahead of need; posting never waits for one.
CREATE TABLE entries (
    account_id    BIGINT NOT NULL,
    seq           BIGINT NOT NULL,
    job           BINARY(16) NOT NULL,
    amount        BIGINT NOT NULL,
    balance_after BIGINT NOT NULL,
    posted_at     BIGINT NOT NULL,
    era           INT NOT NULL,
    PRIMARY KEY (account_id, seq, era)
) ENGINE = InnoDB
PARTITION BY RANGE (era) (
    PARTITION era_0 VALUES LESS THAN (1),
    PARTITION era_1 VALUES LESS THAN (2),
    PARTITION era_2 VALUES LESS THAN (3),
    PARTITION era_3 VALUES LESS THAN (4),
    PARTITION era_4 VALUES LESS THAN (5),
    PARTITION era_5 VALUES LESS THAN (6),
    PARTITION era_6 VALUES LESS THAN (7),
    PARTITION era_7 VALUES LESS THAN (8)
);

CREATE TABLE holds (
    -- Of the job that made it.
    id         BINARY(16) NOT NULL,
    account_id BIGINT NOT NULL,
    currency   CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    amount     BIGINT NOT NULL,
    -- What was moved, once `status` is captured.
    captured   BIGINT NULL,
    -- active, captured or released.
    status     VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    expires_at BIGINT NULL,
    PRIMARY KEY (id),
    KEY holds_expiry (status, expires_at),
    KEY holds_account (account_id)
) ENGINE = InnoDB;

CREATE TABLE reversals (
    original BINARY(16) NOT NULL,
    by_job   BINARY(16) NOT NULL,
    PRIMARY KEY (original)
) ENGINE = InnoDB;

-- Counts of what is in `jobs` and `entries`. A lane's batches are posted one after the other, so none
-- ever waits for its row.
CREATE TABLE lane_totals (
    lane     SMALLINT NOT NULL,
    posted   BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    dead     BIGINT NOT NULL,
    entries  BIGINT NOT NULL,
    PRIMARY KEY (lane)
) ENGINE = InnoDB;
