-- What the files of imports say, for telling which rows another import of the client has too.

CREATE TABLE import_contents (
    import   INTEGER NOT NULL PRIMARY KEY,
    -- Of all that its rows say, in their order.
    identity BLOB NOT NULL,
    -- The rows with the smallest hashes: one byte, 1 if rows were left out, then 12 bytes for each.
    sketch   BLOB NOT NULL
) STRICT;

-- Rows that an import has in common with one that was there before.
CREATE TABLE import_shares (
    import    INTEGER NOT NULL,
    other     INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    PRIMARY KEY (import, other)
) STRICT, WITHOUT ROWID;
