-- Under which client ids keys have been known, so that a client whose key comes with another name is the same one. The
-- hash is of the hash that the fleet's configuration has.

CREATE TABLE key_clients (
    key_hash BLOB NOT NULL,
    client   TEXT NOT NULL,
    PRIMARY KEY (key_hash, client)
) STRICT, WITHOUT ROWID;
