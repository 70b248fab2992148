-- Files of jobs. `number` is what clients call an import by. Times are microseconds since the Unix epoch.

CREATE TABLE imports (
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    client           TEXT NOT NULL,
    -- Of the file's content and of how it is to be read.
    digest           BLOB NOT NULL,
    -- Of client and digest, until the import has ended: the same file is not read twice at once.
    open_key         BLOB UNIQUE,
    -- The replica that reads it.
    owner            TEXT NOT NULL,
    -- queued, reading, draining; done, refused, cancelled, failed.
    state            TEXT NOT NULL,
    -- JSON: what was sent, and how it is to be read.
    description      TEXT NOT NULL,
    -- Every row up to this one is queued or refused.
    read_to          INTEGER NOT NULL,
    accepted         INTEGER NOT NULL,
    refused          INTEGER NOT NULL,
    bytes_read       INTEGER NOT NULL,
    -- Why it pauses or has ended: a sentence.
    remark           TEXT,
    cancel_requested INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    started_at       INTEGER,
    updated_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX imports_client ON imports (client, number);

-- What became of each row that was queued; written with the job's own row, in one transaction.
CREATE TABLE import_rows (
    import  INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    job     BLOB NOT NULL,
    -- posted, rejected, duplicate, conflict or dead.
    outcome TEXT NOT NULL,
    -- Why it was rejected; of a duplicate or a conflict, why the job that was there before was.
    reason  TEXT,
    PRIMARY KEY (import, number)
) STRICT, WITHOUT ROWID;

-- Counts of what is in `import_rows`.
CREATE TABLE import_totals (
    import    INTEGER NOT NULL,
    lane      INTEGER NOT NULL,
    posted    INTEGER NOT NULL,
    rejected  INTEGER NOT NULL,
    duplicate INTEGER NOT NULL,
    conflict  INTEGER NOT NULL,
    dead      INTEGER NOT NULL,
    PRIMARY KEY (import, lane)
) STRICT, WITHOUT ROWID;

-- Rows that were not queued.
CREATE TABLE import_refusals (
    import INTEGER NOT NULL,
    number INTEGER NOT NULL,
    line   INTEGER NOT NULL,
    place  INTEGER,
    field  TEXT,
    reason TEXT NOT NULL,
    -- The row as it stands in the file.
    raw    BLOB NOT NULL,
    PRIMARY KEY (import, number)
) STRICT, WITHOUT ROWID;
