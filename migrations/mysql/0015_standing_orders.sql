-- Standing orders: how far each is. What it pays and when says the body of the job that opened it, which has the same id. Days are
-- those of UTC, as 2026-11-24.

CREATE TABLE standing_orders (
    id          BINARY(16) NOT NULL,
    account_id  BIGINT NOT NULL,
    lane        SMALLINT NOT NULL,
    -- active, paused, closed or ended.
    status      VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    -- The next date of the rule; NULL: it pays nothing any more.
    next_due    CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NULL,
    -- The number of the next job for that date, and how often the payment for it was put off.
    attempt     BIGINT NOT NULL,
    retries     BIGINT NOT NULL,
    -- The day of that job; NULL: the order is not active.
    attempt_on  CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NULL,
    -- Payments made.
    paid        BIGINT NOT NULL,
    -- The last payment: its job, the date that it was for, and posted, cancelled or why it was rejected.
    last_job    BINARY(16) NULL,
    last_due    CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NULL,
    last_result VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    PRIMARY KEY (id),
    KEY standing_orders_attempt (lane, attempt_on),
    KEY standing_orders_account (account_id),
    KEY standing_orders_status (status)
) ENGINE = InnoDB;

-- What payments have moved whose orders pay all above some amount.
CREATE TABLE sweeps (
    job        BINARY(16) NOT NULL,
    -- The entry by which it debited the account.
    account_id BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    amount     BIGINT NOT NULL,
    -- What was held then.
    held       BIGINT NOT NULL,
    PRIMARY KEY (job)
) ENGINE = InnoDB;
