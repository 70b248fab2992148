-- Jobs that wait for the day on which they are to be executed. Each has a row in `jobs` that says `scheduled`, with the time
-- at which that was recorded as `posted_at`: so its identity is taken. When it is executed, a new row takes the place of that one,
-- in the order of posting, and keeps the time as `scheduled_at`. Times are microseconds since the Unix epoch.

CREATE TABLE scheduled_jobs (
    -- In the order of recording.
    seq          BIGINT NOT NULL AUTO_INCREMENT,
    id           BINARY(16) NOT NULL,
    lane         SMALLINT NOT NULL,
    due_at       BIGINT NOT NULL,
    -- When it is put on its lane again: when it is due, at once if it is cancelled, and later once more if it was released and
    -- did not come.
    release_at   BIGINT NOT NULL,
    -- How often it was put on its lane again.
    releases     INT NOT NULL DEFAULT 0,
    cancelled_at BIGINT NULL,
    -- The row of the import that it comes from.
    import       BIGINT NULL,
    number       BIGINT NULL,
    -- What goes on the lane.
    message      MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (seq),
    UNIQUE KEY scheduled_jobs_id (id),
    KEY scheduled_jobs_release (lane, release_at),
    KEY scheduled_jobs_released (lane, releases, release_at),
    KEY scheduled_jobs_due (due_at)
) ENGINE = InnoDB;

ALTER TABLE jobs ADD COLUMN scheduled_at BIGINT NULL;

-- How many wait.
ALTER TABLE lane_totals ADD COLUMN scheduled BIGINT NOT NULL DEFAULT 0;
ALTER TABLE import_totals ADD COLUMN scheduled BIGINT NOT NULL DEFAULT 0;
