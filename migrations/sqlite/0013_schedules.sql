-- Jobs that wait for the day on which they are to be executed. Each has a row in `jobs` that says `scheduled`, with the time
-- at which that was recorded as `posted_at`: so its identity is taken. When it is executed, a new row takes the place of that one,
-- in the order of posting, and keeps the time as `scheduled_at`. Times are microseconds since the Unix epoch.

CREATE TABLE scheduled_jobs (
    -- In the order of recording.
    seq          INTEGER PRIMARY KEY,
    id           BLOB NOT NULL UNIQUE,
    lane         INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    -- When it is put on its lane again: when it is due, at once if it is cancelled, and later once more if it was released and
    -- did not come.
    release_at   INTEGER NOT NULL,
    -- How often it was put on its lane again.
    releases     INTEGER NOT NULL DEFAULT 0,
    cancelled_at INTEGER,
    -- The row of the import that it comes from.
    import       INTEGER,
    number       INTEGER,
    -- What goes on the lane.
    message      TEXT NOT NULL
) STRICT;

CREATE INDEX scheduled_jobs_release ON scheduled_jobs (lane, release_at);
CREATE INDEX scheduled_jobs_released ON scheduled_jobs (lane, releases, release_at);
CREATE INDEX scheduled_jobs_due ON scheduled_jobs (due_at);

ALTER TABLE jobs ADD COLUMN scheduled_at INTEGER;

-- How many wait.
ALTER TABLE lane_totals ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_totals ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0;
