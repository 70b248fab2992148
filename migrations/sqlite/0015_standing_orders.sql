-- Standing orders: how far each is. What it pays and when says the body of the job that opened it, which has the same id. Days are
-- those of UTC, as 2026-11-24.

CREATE TABLE standing_orders (
    id          BLOB NOT NULL PRIMARY KEY,
    account_id  INTEGER NOT NULL,
    lane        INTEGER NOT NULL,
    -- active, paused, closed or ended.
    status      TEXT NOT NULL,
    -- The next date of the rule; NULL: it pays nothing any more.
    next_due    TEXT,
    -- The number of the next job for that date, and how often the payment for it was put off.
    attempt     INTEGER NOT NULL,
    retries     INTEGER NOT NULL,
    -- The day of that job; NULL: the order is not active.
    attempt_on  TEXT,
    -- Payments made.
    paid        INTEGER NOT NULL,
    -- The last payment: its job, the date that it was for, and posted, cancelled or why it was rejected.
    last_job    BLOB,
    last_due    TEXT,
    last_result TEXT
) STRICT;

CREATE INDEX standing_orders_attempt ON standing_orders (lane, attempt_on);
CREATE INDEX standing_orders_account ON standing_orders (account_id);
CREATE INDEX standing_orders_status ON standing_orders (status, id);

-- What payments have moved whose orders pay all above some amount.
CREATE TABLE sweeps (
    job        BLOB NOT NULL PRIMARY KEY,
    -- The entry by which it debited the account.
    account_id INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    amount     INTEGER NOT NULL,
    -- What was held then.
    held       INTEGER NOT NULL
) STRICT;
