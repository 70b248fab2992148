-- Documents that the fleet keeps about itself: changes of settings, alerts, load tests, history. `at` is
-- microseconds since the Unix epoch, `body` is JSON.

CREATE TABLE records (
    -- AUTOINCREMENT: the number of one that was removed is not given again.
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT NOT NULL
) STRICT;
CREATE INDEX records_kind ON records (kind, number);
CREATE INDEX records_at ON records (kind, at);
