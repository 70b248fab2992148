-- Under which client ids keys have been known, so that a client whose key comes with another name is the same one. The
-- hash is of the hash that the fleet's configuration has.

CREATE TABLE key_clients (
    key_hash BINARY(32) NOT NULL,
    client   VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (key_hash, client)
) ENGINE = InnoDB;
