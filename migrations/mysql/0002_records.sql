-- Documents that the fleet keeps about itself: changes of settings, alerts, load tests, history. Numbers grow,
-- with gaps, and are never given twice. `at` is microseconds since the Unix epoch, `body` is JSON.

CREATE TABLE records (
    number BIGINT NOT NULL AUTO_INCREMENT,
    kind   VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at     BIGINT NOT NULL,
    body   LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (number),
    KEY records_kind (kind, number),
    KEY records_at (kind, at)
) ENGINE = InnoDB;
