-- Jobs that came under the identity of another job and took no effect, each other body once. `job` is the one that
-- has the identity; `body` is the JSON that came. Times are microseconds since the Unix epoch.

CREATE TABLE job_conflicts (
    job         BINARY(16) NOT NULL,
    fingerprint BINARY(16) NOT NULL,
    accepted_at BIGINT NOT NULL,
    body        MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (job, fingerprint)
) ENGINE = InnoDB;
