//! The ledger's conformance suite on each adapter, and what a server that dies does to it.

mod ledger {
    mod eras;
}

use std::time::Duration;

use domain::job::Job;
use domain::lane::Lanes;
use domain::outcome::{Outcome, RecordedOutcome, Rejection};
use sqlx::{Connection as _, Executor as _, MySqlConnection};
use store::StoreError;
use store::ledger::{Admin as _, Applied, Posting as _, Reads as _, post_bisecting};
use store::mysql::{MySqlConfig, MySqlLedger};
use tests::ledger_conformance::{Jobs, Subject};
use tests::servers::MariaDb;
use tests::wait::until;

macro_rules! conformance {
    ($($name:ident),* $(,)?) => {
        mod mysql {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() -> anyhow::Result<()> {
                tests::ledger_conformance::$name(Subject::mysql().await?).await
            })*
        }
        mod sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() -> anyhow::Result<()> {
                tests::ledger_conformance::$name(Subject::sqlite().await?).await
            })*
        }
    };
}

conformance!(
    every_kind_takes_effect,
    every_rejection_is_recorded,
    a_job_that_comes_again_takes_effect_once,
    a_job_comes_back_with_its_entries,
    another_body_under_the_same_id_is_a_conflict,
    a_job_is_known_by_the_ids_that_it_had_before,
    a_client_is_known_whatever_its_key_is_called,
    an_id_on_two_lanes_takes_effect_once,
    lanes_over_few_accounts_lose_no_update,
    an_account_opened_twice_at_once_is_opened_once,
    a_poison_job_never_harms_its_neighbours,
    another_body_does_not_take_the_identity_of_a_dead_job,
    a_row_that_can_not_be_read_holds_up_its_lane_alone,
    a_caller_that_goes_away_leaves_nothing_behind,
    the_largest_batch_posts,
    a_job_is_read_back_as_it_was_submitted,
    a_full_batch_is_read_back_as_it_was_submitted,
    holders_are_read_at_once,
    the_outcomes_of_many_jobs_are_read_at_once,
    entries_come_in_pages,
    a_stretch_has_the_entries_of_its_time,
    jobs_are_listed_by_filter,
    jobs_are_found_by_what_they_say,
    a_search_through_many_jobs_comes_in_parts,
    accounts_are_listed_by_filter,
    holds_are_listed_by_filter,
    a_job_says_what_became_of_it,
    a_row_is_found_by_its_job,
    expired_holds_are_found,
    balances_are_those_of_a_moment,
    nothing_is_posted_earlier_than_what_was_posted_before,
    a_ledger_that_does_not_fit_is_refused,
    processes_that_start_at_once_migrate_once,
    tampering_shows,
    tampering_with_what_jobs_made_shows,
    tampering_with_rows_of_imports_shows,
    a_row_that_makes_no_sense_is_a_finding,
    an_audit_beside_posting_sees_one_moment,
    random_batches_do_what_the_model_does,
    records_are_kept_by_kind_newest_first,
    a_record_is_replaced_and_the_others_stay,
    numbers_of_records_grow_past_those_removed,
    old_records_are_pruned_in_steps,
    writers_of_records_get_numbers_of_their_own,
    an_older_schema_is_refused_and_brought_up_to_date,
    a_file_is_one_import_until_it_has_ended,
    an_import_knows_what_it_shares_with_earlier_ones,
    only_its_owner_moves_an_import_on,
    a_row_is_counted_once,
    a_dead_row_may_come_to_life,
    a_batch_that_comes_again_counts_once,
    a_cancelled_run_stays_cancelled,
    a_cancelled_job_never_posts,
    a_cancellation_that_comes_too_late_says_so,
    a_job_that_dies_under_a_cancelled_id_is_dead_or_cancelled,
    a_cancellation_and_a_posting_never_both_have_their_way,
    a_cancelled_row_counts_once,
    a_scheduled_job_is_executed_once_when_it_is_due,
    due_jobs_are_released_in_order_and_until_they_come,
    a_scheduled_job_meets_the_funds_of_its_day,
    a_scheduled_job_that_cannot_be_posted_dies,
    a_cancelled_scheduled_job_is_never_executed,
    a_cancellation_and_an_execution_never_both_have_their_way,
    scheduled_jobs_are_listed_in_the_order_in_which_they_are_due,
    a_scheduled_row_comes_to_its_outcome,
    tampering_with_schedules_shows,
    a_standing_order_pays_each_date_once,
    payments_of_one_batch_are_made_one_after_the_other,
    a_payment_that_lacks_funds_is_put_off_or_left_out,
    a_sweep_moves_what_is_above,
    a_standing_order_is_paused_resumed_and_closed,
    an_order_ends_with_its_accounts,
    standing_orders_are_listed_by_filter,
    tampering_with_standing_orders_shows,
    histories_come_with_their_jobs,
    a_prefetch_shrinks_once_nothing_comes_back,
    the_largest_prefetch_of_many_at_once_holds,
    an_endpoint_is_kept_as_it_was_made,
    deliveries_keep_the_order_of_each_account,
    the_stream_is_read_on_by_one,
    nothing_that_waits_is_forgotten,
    an_endpoint_ends,
    old_attempts_are_pruned,
    what_is_wanted_again_is_kept_until_it_is_done,
);

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_is_a_transient_failure_and_the_same_batch_posts_later() -> anyhow::Result<()> {
    let mut server = MariaDb::start().await?;
    let mut config = MySqlConfig::new(server.url());
    config.pool_timeout = Duration::from_secs(1);
    let ledger = MySqlLedger::connect(&config)?;
    ledger.migrate(Lanes::DEFAULT).await?;
    let jobs = Jobs::default();
    let first = jobs.job(r#"{"kind":"open_account","account":"a","currency":"EUR"}"#);
    let second = jobs.job(r#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR"}"#);
    assert_eq!(ledger.post(std::slice::from_ref(&first)).await?, [Outcome::Posted]);

    server.kill()?;
    let batch = [first, second];
    let refused = ledger.post(&batch).await;
    assert!(matches!(refused, Err(StoreError::Transient(_))), "{refused:?}");
    assert!(matches!(ledger.ready().await, Err(StoreError::Transient(_))));

    server.restart().await?;
    let outcomes =
        until("the batch posts", Duration::from_secs(10), async || Ok(ledger.post(&batch).await?)).await?;
    assert_eq!(outcomes, [Outcome::Duplicate(RecordedOutcome::Posted), Outcome::Posted]);
    let audit = ledger.audit().await?;
    assert!(audit.is_clean(), "{:#?}", audit.findings);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_broken_off_is_brought_to_its_end() -> anyhow::Result<()> {
    let subject = Subject::mysql().await?;
    let keys = "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE()";
    let all = subject.number(keys).await?;
    // As a process leaves it that is killed half-way: some of its tables, and a mark that it has not ended.
    let last = "DROP TABLE analysis_batches, patterns; DROP INDEX analyses_requested ON analyses; \
                UPDATE _sqlx_migrations SET success = FALSE WHERE version = 5";
    let first = "DROP TABLE holds, reversals, lane_totals, records, imports, import_rows, import_totals, \
                 import_refusals, import_contents, import_shares, job_conflicts, key_clients, analyses, analysis_batches, patterns, api_keys, \
                 audit_log, cancellations, scheduled_jobs, webhook_endpoints, webhook_place, webhook_deliveries, webhook_attempts, webhook_resends, standing_orders, sweeps; \
                 ALTER TABLE jobs DROP COLUMN scheduled_at; DELETE FROM _sqlx_migrations WHERE version > 1; \
                 UPDATE _sqlx_migrations SET success = FALSE WHERE version = 1";
    for broken_off in [last, first] {
        subject.behind_its_back(broken_off).await?;
        let refused = subject.ledger.check(Lanes::DEFAULT).await;
        assert!(matches!(refused, Err(StoreError::Permanent(_))), "{refused:?}");
        subject.ledger.migrate(Lanes::DEFAULT).await?;
        subject.ledger.check(Lanes::DEFAULT).await?;
        assert_eq!(subject.number(keys).await?, all, "after {broken_off}");
    }

    // What this release does not know it leaves to the one that does.
    subject
        .behind_its_back(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (99, 'of a newer release', FALSE, '', -1)",
        )
        .await?;
    let refused = subject.ledger.migrate(Lanes::DEFAULT).await;
    assert!(
        matches!(&refused, Err(StoreError::Permanent(why)) if why.contains("migration 99")),
        "{refused:?}"
    );
    Ok(())
}

/// As where another server took over that has an older state: an account that was opened anew has another key there.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_has_another_key_than_before_is_found_again() -> anyhow::Result<()> {
    let subject = Subject::mysql().await?;
    let jobs = Jobs::default();
    let open =
        |account| jobs.job(&format!(r#"{{"kind":"open_account","account":"{account}","currency":"EUR"}}"#));
    let deposit = || jobs.job(r#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR"}"#);
    let transfer = || jobs.job(r#"{"kind":"transfer","from":"a","to":"b","amount":1,"currency":"EUR"}"#);
    subject.ledger.post(&[open("a"), open("b"), open("c"), deposit()]).await?;
    assert_eq!(subject.ledger.post(&[transfer()]).await?, [Outcome::Posted]);
    // First another row has the key that each had, then none has.
    let next = "(SELECT MIN(id) FROM accounts WHERE number = CASE m.number WHEN 'a' THEN 'b' WHEN 'b' THEN 'c' ELSE 'a' END)";
    for to in [next, "m.old + 5000"] {
        subject
            .behind_its_back(&format!(
                "CREATE TABLE moves AS SELECT id AS old, id AS new, number FROM accounts WHERE number IN ('a','b','c'); \
                 UPDATE moves m SET m.new = {to}; \
                 UPDATE accounts SET id = id + 100000 WHERE number IN ('a','b','c'); \
                 UPDATE accounts a JOIN moves m ON m.old + 100000 = a.id SET a.id = m.new; \
                 UPDATE entries SET account_id = account_id + 100000 WHERE account_id IN (SELECT old FROM moves); \
                 UPDATE entries e JOIN moves m ON m.old + 100000 = e.account_id SET e.account_id = m.new; \
                 DROP TABLE moves"
            ))
            .await?;
        assert_eq!(subject.ledger.post(&[transfer()]).await?, [Outcome::Posted], "{to}");
    }
    let balance = "SELECT balance FROM accounts WHERE number = 'b'";
    assert_eq!(subject.number(balance).await?, 3);
    subject.books_are_right().await
}

/// As where a worker lost its lane while its transaction was on its way, and the lane's next worker has the same jobs.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_a_transaction_opens_meanwhile_is_there() -> anyhow::Result<()> {
    let subject = Subject::mysql().await?;
    let jobs = Jobs::default();
    let like = jobs.job(r#"{"kind":"open_account","account":"y","currency":"EUR"}"#);
    let open = jobs.job(r#"{"kind":"open_account","account":"x","currency":"EUR"}"#);
    let deposit = jobs.job(r#"{"kind":"deposit","account":"x","amount":5,"currency":"EUR"}"#);
    subject.ledger.post(std::slice::from_ref(&like)).await?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let id = hex(open.id.as_bytes());
    let older = format!(
        "START TRANSACTION; \
         INSERT INTO accounts (number, currency, balance, held, overdraft_limit, status, seq, digest, holder, opened_at) \
         SELECT 'x', currency, balance, held, overdraft_limit, status, seq, digest, holder, opened_at \
         FROM accounts WHERE number = 'y'; \
         INSERT INTO jobs (id, client, reference, kind, lane, account, body, fingerprint, outcome, ingress, accepted_at, \
         posted_at) SELECT x'{id}', client, reference, kind, lane, 'x', '{}', x'{}', outcome, ingress, accepted_at, posted_at \
         FROM jobs WHERE account = 'y'; \
         UPDATE lane_totals SET posted = posted + 1 WHERE lane = 0",
        open.body,
        hex(&open.fingerprint.0),
    );
    let mut connection = MySqlConnection::connect(subject.url()?).await?;
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(older))).await?;
    // The same job twice, so the ledger looks for what is recorded, and waits for the older transaction there.
    let ledger = subject.ledger.clone();
    let posting = tokio::spawn(async move { ledger.post(&[open.clone(), open, deposit]).await });
    until("the batch waits", Duration::from_secs(4), async || {
        let waits = format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%x''{id}''%FOR UPDATE%'"
        );
        anyhow::ensure!(subject.number(&waits).await? > 0, "nobody asks for the job");
        Ok(())
    })
    .await?;
    connection.execute("COMMIT").await?;
    let duplicate = Outcome::Duplicate(RecordedOutcome::Posted);
    assert_eq!(posting.await??, [duplicate, duplicate, Outcome::Posted]);
    subject.books_are_right().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_idle_when_nothing_runs() -> anyhow::Result<()> {
    for subject in [Subject::sqlite().await?, Subject::mysql().await?] {
        subject
            .ledger
            .post(&[Jobs::default().job(r#"{"kind":"open_account","account":"a","currency":"EUR"}"#)])
            .await?;
        until("every connection is handed back", Duration::from_secs(5), async || {
            let pools = subject.ledger.pools();
            anyhow::ensure!(pools.iter().all(|pool| pool.in_use == 0 && pool.waiting == 0), "{pools:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// A server whose clock is an hour fast stands for workers whose clocks are an hour slow.
#[tokio::test(flavor = "multi_thread")]
async fn money_goes_by_the_clock_of_the_database() -> anyhow::Result<()> {
    const HOUR_US: i64 = 3_600_000_000;
    let server = MariaDb::start().await?;
    let mut root = MySqlConnection::connect(&server.url()).await?;
    let set = "CREATE USER fleet@'%'; GRANT ALL ON tellers.* TO fleet@'%'; \
               SET GLOBAL init_connect = 'SET time_zone = ''-07:00'', timestamp = UNIX_TIMESTAMP() + 3600'";
    root.execute(sqlx::raw_sql(set)).await?;
    let ledger = MySqlLedger::connect(&MySqlConfig::new(server.url().replace("tellers:tellers@", "fleet@")))?;
    ledger.migrate(Lanes::DEFAULT).await?;

    let jobs = Jobs::default();
    let now = jiff::Timestamp::now();
    let hold = |minutes: i64| {
        let until = now + jiff::SignedDuration::from_mins(minutes);
        jobs.job(&format!(
            r#"{{"kind":"hold","account":"a","amount":1,"currency":"EUR","expires_at":"{until}"}}"#
        ))
    };
    let (ends_before, ends_after) = (hold(30), hold(90));
    let capture =
        |hold: &Job| jobs.job(&format!(r#"{{"kind":"capture","account":"a","hold":"{}"}}"#, hold.id));
    let captures = [capture(&ends_before), capture(&ends_after)];
    let opened = jobs.job(r#"{"kind":"open_account","account":"a","currency":"EUR"}"#);
    let deposited = jobs.job(r#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR"}"#);
    let id = opened.id;
    ledger.post(&[opened, deposited, ends_before.clone(), ends_after]).await?;
    let expired = ledger.expired_holds(10).await?;
    assert_eq!(expired.iter().map(|(hold, _)| *hold).collect::<Vec<_>>(), [ends_before.id]);
    let captured = ledger.post(&captures).await?;
    assert_eq!(captured, [Outcome::Rejected(Rejection::HoldNotActive), Outcome::Posted]);
    let fast = ledger.job(id).await?.map_or(0, |job| job.posted_at) - now.as_microsecond();
    assert!(
        (HOUR_US - HOUR_US / 60..HOUR_US + HOUR_US / 6).contains(&fast),
        "posted {fast} µs after it was sent"
    );

    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_takes_too_long_is_posted_in_smaller_ones() -> anyhow::Result<()> {
    let subject = Subject::mysql().await?;
    let jobs = Jobs::default();
    let opened = jobs.job(r#"{"kind":"open_account","account":"a","currency":"EUR"}"#);
    assert_eq!(subject.ledger.post(&[opened]).await?, [Outcome::Posted]);
    // Ten seconds in all, of which a posting gets eight.
    let slow = "CREATE TRIGGER slow BEFORE INSERT ON jobs FOR EACH ROW SET @slept = SLEEP(1.25)";
    subject.behind_its_back(slow).await?;
    let batch: Vec<_> =
        (0..8).map(|_| jobs.job(r#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR"}"#)).collect();
    let answers = post_bisecting(&*subject.ledger, &batch).await?;
    let has_outcome = |applied: &Applied| applied.outcome.recorded() == RecordedOutcome::Posted;
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(has_outcome)), "{answers:?}");
    subject.books_are_right().await
}

/// A posting that nobody polls any more is a process that was stopped: its connection stays, and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stops_with_locks_costs_the_others_ten_seconds_at_the_most() -> anyhow::Result<()> {
    let server = MariaDb::start().await?;
    let connect = || MySqlLedger::connect(&MySqlConfig::new(server.url()));
    let (stopped, other) = (connect()?, connect()?);
    stopped.migrate(Lanes::DEFAULT).await?;
    let jobs = Jobs::default();
    let opened = ["a", "b"].map(|name| {
        jobs.job(&format!(
            r#"{{"kind":"open_account","account":"{name}","currency":"EUR","overdraft_limit":9}}"#
        ))
    });
    stopped.post(&opened).await?;

    let transfer = jobs.job(r#"{"kind":"transfer","from":"a","to":"b","amount":5,"currency":"EUR"}"#);
    let deposit = jobs.job(r#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR"}"#);
    // From two replicas, between whose jobs there is no order.
    let (of_stopped, of_other) = ([transfer], [Job { ingress: "api-2".to_owned(), ..deposit }]);
    // It has the one row and waits for the other.
    let (mut holder, mut watch) =
        (MySqlConnection::connect(&server.url()).await?, MySqlConnection::connect(&server.url()).await?);
    holder.execute("BEGIN").await?;
    holder.execute("SELECT id FROM accounts WHERE number = 'b' FOR UPDATE").await?;
    let mut posting = Box::pin(stopped.post(&of_stopped));
    let free = "SELECT id FROM accounts WHERE number = 'a' FOR UPDATE SKIP LOCKED";
    until("a row is locked", Duration::from_secs(60), async || {
        assert!(futures::poll!(&mut posting).is_pending(), "it has ended");
        anyhow::ensure!(watch.fetch_optional(sqlx::raw_sql(free)).await?.is_none(), "none is");
        Ok(())
    })
    .await?;
    holder.execute("COMMIT").await?;

    let asked = std::time::Instant::now();
    assert_eq!(other.post(&of_other).await?, [Outcome::Posted]);
    assert!(asked.elapsed() < Duration::from_secs(10), "it waited {:?}", asked.elapsed());
    // The other comes to itself: its transaction was cut, and comes again.
    let cut = posting.await;
    assert!(matches!(cut, Err(StoreError::Transient(_) | StoreError::TimedOut(_))), "{cut:?}");
    assert_eq!(stopped.post(&of_stopped).await?, [Outcome::Posted]);
    let audit = other.audit().await?;
    assert!(audit.is_clean() && audit.jobs == 4, "{:#?}", audit.findings);
    Ok(())
}
