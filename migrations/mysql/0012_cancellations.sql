-- Jobs that are cancelled while they wait. A cancellation takes the job's id in `jobs`, by a row that says nothing but
-- `awaited`: the unique key of ids decides whether it or the posting of the job came first. When the job comes, its row is
-- completed, and says `cancelled`; or what became of it, where none of the cancellations stops it. Times are microseconds
-- since the Unix epoch.

CREATE TABLE cancellations (
    job    BINARY(16) NOT NULL,
    -- Whose jobs it stops; empty: whoever's.
    whose  VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    -- The client that asked for it.
    client VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    reason VARCHAR(140) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (job, whose)
) ENGINE = InnoDB;

-- Room for `cancelled`; InnoDB changes no row for it.
ALTER TABLE jobs MODIFY COLUMN outcome VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL;

-- When they came.
ALTER TABLE lane_totals ADD COLUMN cancelled BIGINT NOT NULL DEFAULT 0;
ALTER TABLE import_totals ADD COLUMN cancelled BIGINT NOT NULL DEFAULT 0;
