-- What each role may do in the database: this file is the one source, and the tests run the fleet with exactly these
-- rights. An administrator of the server runs it after `tellers migrate`, at every upgrade, and before the new release
-- starts; running it again changes nothing:
--
--   mysql -u root -p < deploy/mysql/grants.sql
--
-- Nobody updates or deletes a row of `entries` or of `audit_log`. Where a role updates rows, the columns that it may change
-- are named. docs/RIGHTS.md says why each right is needed.

-- api: reads the ledger, and writes about imports, runs of analyses, names of keys and webhook endpoints. It inserts into `jobs` to take the id of
-- a job that is cancelled, and has a scheduled job that is cancelled put on its lane at once.
GRANT SELECT ON tellers._sqlx_migrations TO 'tellers_api'@'%';
GRANT SELECT ON tellers.settings TO 'tellers_api'@'%';
GRANT SELECT ON tellers.accounts TO 'tellers_api'@'%';
GRANT SELECT, INSERT ON tellers.jobs TO 'tellers_api'@'%';
GRANT SELECT, INSERT ON tellers.cancellations TO 'tellers_api'@'%';
GRANT SELECT, UPDATE (release_at, cancelled_at) ON tellers.scheduled_jobs TO 'tellers_api'@'%';
GRANT SELECT ON tellers.job_conflicts TO 'tellers_api'@'%';
GRANT SELECT ON tellers.entries TO 'tellers_api'@'%';
GRANT SELECT ON tellers.holds TO 'tellers_api'@'%';
GRANT SELECT ON tellers.reversals TO 'tellers_api'@'%';
GRANT SELECT ON tellers.standing_orders TO 'tellers_api'@'%';
GRANT SELECT ON tellers.sweeps TO 'tellers_api'@'%';
GRANT SELECT ON tellers.lane_totals TO 'tellers_api'@'%';
GRANT SELECT, INSERT, UPDATE (owner, state, open_key, read_to, accepted, refused, bytes_read, remark, cancel_requested, started_at, updated_at) ON tellers.imports TO 'tellers_api'@'%';
GRANT SELECT ON tellers.import_rows TO 'tellers_api'@'%';
GRANT SELECT, INSERT ON tellers.import_totals TO 'tellers_api'@'%';
GRANT SELECT, INSERT ON tellers.import_refusals TO 'tellers_api'@'%';
GRANT SELECT, INSERT ON tellers.import_contents TO 'tellers_api'@'%';
GRANT SELECT, INSERT ON tellers.import_shares TO 'tellers_api'@'%';
GRANT SELECT, INSERT, UPDATE (client, cancelled_at) ON tellers.analyses TO 'tellers_api'@'%';
GRANT SELECT ON tellers.analysis_batches TO 'tellers_api'@'%';
GRANT SELECT ON tellers.patterns TO 'tellers_api'@'%';
GRANT SELECT, INSERT ON tellers.key_clients TO 'tellers_api'@'%';
GRANT SELECT, INSERT, UPDATE (expires_at, revoked_at, last_used_at, revision) ON tellers.api_keys TO 'tellers_api'@'%';
GRANT SELECT, INSERT ON tellers.audit_log TO 'tellers_api'@'%';
GRANT SELECT, INSERT, UPDATE (name, url, types, accounts, secret, old_secret, old_secret_until, disabled, disabled_at, failing_since, behind_at, missed_at, revision), DELETE ON tellers.webhook_endpoints TO 'tellers_api'@'%';
GRANT SELECT, UPDATE (due_at) ON tellers.webhook_deliveries TO 'tellers_api'@'%';
GRANT SELECT ON tellers.webhook_attempts TO 'tellers_api'@'%';
GRANT SELECT, INSERT, DELETE ON tellers.webhook_resends TO 'tellers_api'@'%';

-- worker: posts jobs, completes the rows of those that were cancelled before they came, replaces those of scheduled jobs that are executed, analyses histories, delivers webhooks (for which it reads which keys are valid), and adds partitions to `entries` by a procedure. (MariaDB asks for UPDATE on the key
-- too where an INSERT falls back on an UPDATE, as that of the mark for replicas in `settings` does.)
GRANT SELECT ON tellers._sqlx_migrations TO 'tellers_worker'@'%';
GRANT SELECT, INSERT, UPDATE (name, value) ON tellers.settings TO 'tellers_worker'@'%';
GRANT SELECT, INSERT, UPDATE (balance, held, overdraft_limit, status, seq, digest, holder) ON tellers.accounts TO 'tellers_worker'@'%';
GRANT SELECT, INSERT, UPDATE (client, reference, kind, lane, account, body, fingerprint, outcome, reason, cause, ingress, accepted_at, posted_at, scheduled_at), DELETE ON tellers.jobs TO 'tellers_worker'@'%';
GRANT SELECT, INSERT, UPDATE (release_at, releases), DELETE ON tellers.scheduled_jobs TO 'tellers_worker'@'%';
GRANT SELECT ON tellers.cancellations TO 'tellers_worker'@'%';
GRANT SELECT ON tellers.records TO 'tellers_worker'@'%';
GRANT INSERT ON tellers.job_conflicts TO 'tellers_worker'@'%';
GRANT SELECT, INSERT ON tellers.entries TO 'tellers_worker'@'%';
GRANT SELECT, INSERT, UPDATE (status, captured) ON tellers.holds TO 'tellers_worker'@'%';
GRANT SELECT, INSERT ON tellers.reversals TO 'tellers_worker'@'%';
GRANT SELECT, INSERT, UPDATE (status, next_due, attempt, retries, attempt_on, paid, last_job, last_due, last_result) ON tellers.standing_orders TO 'tellers_worker'@'%';
GRANT SELECT, INSERT ON tellers.sweeps TO 'tellers_worker'@'%';
GRANT SELECT, UPDATE (posted, rejected, dead, entries, posted_at, cancelled, scheduled) ON tellers.lane_totals TO 'tellers_worker'@'%';
GRANT SELECT, INSERT, UPDATE (outcome, reason) ON tellers.import_rows TO 'tellers_worker'@'%';
GRANT SELECT, UPDATE (posted, rejected, duplicate, conflict, dead, cancelled, scheduled) ON tellers.import_totals TO 'tellers_worker'@'%';
GRANT SELECT, INSERT, UPDATE (client, requested_at, request, cancelled_at, batches, accounts) ON tellers.analyses TO 'tellers_worker'@'%';
GRANT SELECT, INSERT, DELETE ON tellers.analysis_batches TO 'tellers_worker'@'%';
GRANT INSERT, DELETE ON tellers.patterns TO 'tellers_worker'@'%';
GRANT EXECUTE ON PROCEDURE tellers.add_era TO 'tellers_worker'@'%';
GRANT SELECT ON tellers.api_keys TO 'tellers_worker'@'%';
GRANT INSERT ON tellers.audit_log TO 'tellers_worker'@'%';
GRANT SELECT, UPDATE (disabled, disabled_at, failing_since, behind_at, missed_at, revision) ON tellers.webhook_endpoints TO 'tellers_worker'@'%';
GRANT SELECT, INSERT, UPDATE (place), DELETE ON tellers.webhook_place TO 'tellers_worker'@'%';
GRANT SELECT, INSERT, UPDATE (attempts, due_at, lease), DELETE ON tellers.webhook_deliveries TO 'tellers_worker'@'%';
GRANT SELECT, INSERT, DELETE ON tellers.webhook_attempts TO 'tellers_worker'@'%';
GRANT SELECT, UPDATE (place), DELETE ON tellers.webhook_resends TO 'tellers_worker'@'%';

-- monitor: reads the totals, and keeps the fleet's history, settings and alerts.
GRANT SELECT ON tellers._sqlx_migrations TO 'tellers_monitor'@'%';
GRANT SELECT ON tellers.settings TO 'tellers_monitor'@'%';
GRANT SELECT ON tellers.accounts TO 'tellers_monitor'@'%';
GRANT SELECT ON tellers.lane_totals TO 'tellers_monitor'@'%';
GRANT SELECT, INSERT, UPDATE (body), DELETE ON tellers.records TO 'tellers_monitor'@'%';
GRANT SELECT, UPDATE (last_used_at) ON tellers.api_keys TO 'tellers_monitor'@'%';
GRANT INSERT ON tellers.audit_log TO 'tellers_monitor'@'%';
GRANT SELECT (id, disabled, failing_since) ON tellers.webhook_endpoints TO 'tellers_monitor'@'%';
GRANT SELECT ON tellers.webhook_deliveries TO 'tellers_monitor'@'%';

-- read: `tellers verify`, and DATABASE_READONLY_URL and DATABASE_ANALYTICS_URL of every role, on the primary or a replica.
GRANT SELECT ON tellers._sqlx_migrations TO 'tellers_read'@'%';
GRANT SELECT ON tellers.settings TO 'tellers_read'@'%';
GRANT SELECT ON tellers.accounts TO 'tellers_read'@'%';
GRANT SELECT ON tellers.jobs TO 'tellers_read'@'%';
GRANT SELECT ON tellers.cancellations TO 'tellers_read'@'%';
GRANT SELECT ON tellers.scheduled_jobs TO 'tellers_read'@'%';
GRANT SELECT ON tellers.job_conflicts TO 'tellers_read'@'%';
GRANT SELECT ON tellers.entries TO 'tellers_read'@'%';
GRANT SELECT ON tellers.holds TO 'tellers_read'@'%';
GRANT SELECT ON tellers.reversals TO 'tellers_read'@'%';
GRANT SELECT ON tellers.standing_orders TO 'tellers_read'@'%';
GRANT SELECT ON tellers.sweeps TO 'tellers_read'@'%';
GRANT SELECT ON tellers.lane_totals TO 'tellers_read'@'%';
GRANT SELECT ON tellers.imports TO 'tellers_read'@'%';
GRANT SELECT ON tellers.import_rows TO 'tellers_read'@'%';
GRANT SELECT ON tellers.import_totals TO 'tellers_read'@'%';
GRANT SELECT ON tellers.analyses TO 'tellers_read'@'%';
GRANT SELECT ON tellers.analysis_batches TO 'tellers_read'@'%';
GRANT SELECT ON tellers.patterns TO 'tellers_read'@'%';
