-- What the files of imports say, for telling which rows another import of the client has too.

CREATE TABLE import_contents (
    import   BIGINT NOT NULL,
    -- Of all that its rows say, in their order.
    identity BINARY(32) NOT NULL,
    -- The rows with the smallest hashes: one byte, 1 if rows were left out, then 12 bytes for each.
    sketch   MEDIUMBLOB NOT NULL,
    PRIMARY KEY (import)
) ENGINE = InnoDB;

-- Rows that an import has in common with one that was there before.
CREATE TABLE import_shares (
    import    BIGINT NOT NULL,
    other     BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    PRIMARY KEY (import, other)
) ENGINE = InnoDB;
