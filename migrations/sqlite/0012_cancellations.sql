-- Jobs that are cancelled while they wait. A cancellation takes the job's id in `jobs`, by a row that says nothing but
-- `awaited`: the unique key of ids decides whether it or the posting of the job came first. When the job comes, its row is
-- completed, and says `cancelled`; or what became of it, where none of the cancellations stops it. Times are microseconds
-- since the Unix epoch.

CREATE TABLE cancellations (
    job    BLOB NOT NULL,
    -- Whose jobs it stops; empty: whoever's.
    whose  TEXT NOT NULL,
    -- The client that asked for it.
    client TEXT NOT NULL,
    reason TEXT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (job, whose)
) STRICT;

-- When they came.
ALTER TABLE lane_totals ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_totals ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0;
