-- Jobs that came under the identity of another job and took no effect, each other body once. `job` is the one that
-- has the identity; `body` is the JSON that came. Times are microseconds since the Unix epoch.

CREATE TABLE job_conflicts (
    job         BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    accepted_at INTEGER NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (job, fingerprint)
) STRICT, WITHOUT ROWID;
