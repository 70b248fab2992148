-- The users of the database, one for each role, and what `tellers migrate` needs. An administrator of the server runs this
-- once, before the first `tellers migrate`:
--
--   mysql -u root -p < deploy/mysql/users.sql
--
-- The accounts are locked and have no password. Open each with one of its own, and take narrower hosts than '%' where you
-- can, here and in grants.sql:
--
--   ALTER USER 'tellers_worker'@'%' IDENTIFIED BY '...' ACCOUNT UNLOCK;
--
-- docs/RIGHTS.md says what each is for. The schema is `tellers`; for another name, change it in both files.

CREATE DATABASE IF NOT EXISTS tellers;

CREATE USER IF NOT EXISTS 'tellers_migrate'@'%' ACCOUNT LOCK;
CREATE USER IF NOT EXISTS 'tellers_api'@'%' ACCOUNT LOCK;
CREATE USER IF NOT EXISTS 'tellers_worker'@'%' ACCOUNT LOCK;
CREATE USER IF NOT EXISTS 'tellers_monitor'@'%' ACCOUNT LOCK;
CREATE USER IF NOT EXISTS 'tellers_read'@'%' ACCOUNT LOCK;

-- It makes tables, adds columns and indexes, and writes the rows that a new ledger starts with. Its own list of migrations
-- is the one table that it updates. The procedure that adds partitions to `entries` works with its right to alter.
GRANT CREATE, ALTER, INDEX, CREATE ROUTINE, SELECT, INSERT ON tellers.* TO 'tellers_migrate'@'%';
GRANT CREATE, SELECT, INSERT, UPDATE, DELETE ON tellers._sqlx_migrations TO 'tellers_migrate'@'%';
