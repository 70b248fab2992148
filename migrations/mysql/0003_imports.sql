-- Files of jobs. `number` is what clients call an import by. Times are microseconds since the Unix epoch.

CREATE TABLE imports (
    number           BIGINT NOT NULL AUTO_INCREMENT,
    client           VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    -- Of the file's content and of how it is to be read.
    digest           BINARY(32) NOT NULL,
    -- Of client and digest, until the import has ended: the same file is not read twice at once.
    open_key         BINARY(32) NULL,
    -- The replica that reads it.
    owner            VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    -- queued, reading, draining; done, refused, cancelled, failed.
    state            VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- JSON: what was sent, and how it is to be read.
    description      MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    -- Every row up to this one is queued or refused.
    read_to          BIGINT NOT NULL,
    accepted         BIGINT NOT NULL,
    refused          BIGINT NOT NULL,
    bytes_read       BIGINT NOT NULL,
    -- Why it pauses or has ended: a sentence.
    remark           TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    cancel_requested SMALLINT NOT NULL,
    created_at       BIGINT NOT NULL,
    started_at       BIGINT NULL,
    updated_at       BIGINT NOT NULL,
    PRIMARY KEY (number),
    UNIQUE KEY imports_open (open_key),
    KEY imports_client (client, number)
) ENGINE = InnoDB;

-- What became of each row that was queued; written with the job's own row, in one transaction.
CREATE TABLE import_rows (
    import  BIGINT NOT NULL,
    number  BIGINT NOT NULL,
    job     BINARY(16) NOT NULL,
    -- posted, rejected, duplicate, conflict or dead.
    outcome VARCHAR(9) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- Why it was rejected; of a duplicate or a conflict, why the job that was there before was.
    reason  VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    PRIMARY KEY (import, number)
) ENGINE = InnoDB;

-- Counts of what is in `import_rows`.
CREATE TABLE import_totals (
    import    BIGINT NOT NULL,
    lane      SMALLINT NOT NULL,
    posted    BIGINT NOT NULL,
    rejected  BIGINT NOT NULL,
    duplicate BIGINT NOT NULL,
    conflict  BIGINT NOT NULL,
    dead      BIGINT NOT NULL,
    PRIMARY KEY (import, lane)
) ENGINE = InnoDB;

-- Rows that were not queued.
CREATE TABLE import_refusals (
    import BIGINT NOT NULL,
    number BIGINT NOT NULL,
    line   BIGINT NOT NULL,
    place  BIGINT NULL,
    field  VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    reason TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    -- The row as it stands in the file.
    raw    MEDIUMBLOB NOT NULL,
    PRIMARY KEY (import, number)
) ENGINE = InnoDB;
