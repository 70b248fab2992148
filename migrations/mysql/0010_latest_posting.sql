-- The latest time at which a job of the lane was posted, in microseconds since the Unix epoch: what is posted later says
-- no earlier time, though the clock of the server goes back. 0: none since the column is there.

ALTER TABLE lane_totals ADD COLUMN posted_at BIGINT NOT NULL DEFAULT 0;
