//! The analyses port on the ledger's database. Histories come from the pool for analysis; what is written is a
//! few rows for each hundred accounts.

use async_trait::async_trait;
use domain::account::AccountNumber;
use domain::id::JobId;

use super::rows::count;
use super::statements::stored;
use super::{rows, statements};
use crate::analyses::{
    ANY_CLIENT, Analyses, Batch, HISTORY_ENTRIES_MAX, Holding, Line, NewRun, PatternsRecord, REQUEST_UNKNOWN,
    Run,
};
use crate::error::StoreError;
use crate::failure::Failure;
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script, Value};
use crate::sql::session::{Database, Purpose, Session, SqlLedger};

/// Results in one packet, as bytes of JSON: twice that as hexadecimal digits stays below the 16 MiB that MariaDB
/// takes.
const PACKET_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The longest cause that is kept, in characters.
const CAUSE_CHARS_MAX: usize = 500;

const FOUND: &str = "SELECT account, run, at, body FROM patterns WHERE ";

#[async_trait]
impl<D: Database> Analyses for SqlLedger<D> {
    async fn begin(&self, run: &NewRun) -> Result<Run, StoreError> {
        let mut session = self.database.session(Purpose::WritingRecords).await?;
        let mut script = Script::new(D::Session::DIALECT);
        insert_run(&mut script, run, None);
        // Whether it was cancelled is looked at before its client changes: MySQL sets from left to right.
        script.sql("; UPDATE analyses SET cancelled_at = CASE WHEN client IN (");
        script.list([run.client.as_str(), ANY_CLIENT]).sql(") THEN cancelled_at END, client = ");
        script.value(run.client.as_str());
        script.sql(", requested_at = ").value(run.requested_at);
        script.sql(", request = ").value(run.request.as_str());
        script.sql(" WHERE run = ").value(&run.id).sql(" AND request = ").value(REQUEST_UNKNOWN);
        session.run(script).await?;
        let begun = one_run(&mut session, run.id).await?;
        Ok(begun.ok_or_else(|| Failure::unreadable("run that was just noted", run.id))?)
    }

    async fn planned(&self, run: JobId, batches: u64, accounts: u64) -> Result<(), StoreError> {
        let mut script = Script::new(D::Session::DIALECT);
        script.sql("UPDATE analyses SET batches = ").value(stored(batches));
        script.sql(", accounts = ").value(stored(accounts)).sql(" WHERE run = ").value(&run);
        write(&self.database, script).await
    }

    async fn cancel(&self, run: &NewRun, at: i64) -> Result<(), StoreError> {
        let mut script = Script::new(D::Session::DIALECT);
        insert_run(&mut script, run, Some(at));
        // Of what nobody has begun, no other client says that it is cancelled.
        script.sql("; UPDATE analyses SET client = ").value(run.client.as_str());
        script.sql(" WHERE run = ").value(&run.id).sql(" AND request = ").value(REQUEST_UNKNOWN);
        script.sql("; UPDATE analyses SET cancelled_at = ").value(at);
        script.sql(" WHERE cancelled_at IS NULL AND run = ").value(&run.id);
        if run.client != ANY_CLIENT {
            script.sql(" AND client = ").value(run.client.as_str());
        }
        script.sql(
            " AND (batches IS NULL OR batches > (SELECT COUNT(*) FROM analysis_batches b WHERE b.run = ",
        );
        script.value(&run.id).sql("))");
        write(&self.database, script).await
    }

    async fn run(&self, run: JobId) -> Result<Option<Run>, StoreError> {
        Ok(one_run(&mut self.database.session(Purpose::ReadingRecords).await?, run).await?)
    }

    async fn run_as_read(&self, run: JobId) -> Result<Option<Run>, StoreError> {
        Ok(one_run(&mut self.database.session(Purpose::Reading).await?, run).await?)
    }

    async fn runs(
        &self,
        client: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Run>, StoreError> {
        let mut session = self.database.session(Purpose::ReadingRecords).await?;
        let script = select_runs(D::Session::DIALECT, |script| {
            script.sql("WHERE requested_at < ").value(before.unwrap_or(i64::MAX));
            if let Some(client) = client {
                script.sql(" AND client = ").value(client);
            }
            script.sql(" ORDER BY requested_at DESC, run LIMIT ").value(i64::from(limit));
        });
        Ok(read(&mut session, script, run).await?)
    }

    async fn accounts(&self, after: i64, limit: u32) -> Result<Vec<Holding>, StoreError> {
        let mut session = self.database.session(Purpose::Analysis).await?;
        let mut script = Script::new(D::Session::DIALECT);
        script.sql("SELECT id, number, seq FROM accounts WHERE number NOT LIKE 'external:%' AND id > ");
        script.value(after).sql(" ORDER BY id LIMIT ").value(i64::from(limit));
        Ok(read(&mut session, script, holding).await?)
    }

    async fn find(&self, numbers: &[AccountNumber]) -> Result<Vec<Holding>, StoreError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.database.session(Purpose::Analysis).await?;
        let mut script = Script::new(D::Session::DIALECT);
        script.sql("SELECT id, number, seq FROM accounts WHERE number IN (").list(numbers).sql(")");
        Ok(read(&mut session, script, holding).await?)
    }

    async fn histories(&self, accounts: &[Holding]) -> Result<Vec<Line>, StoreError> {
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.database.session(Purpose::Analysis).await?;
        let mut script = Script::new(D::Session::DIALECT);
        // From the accounts to their entries to those jobs, never the other way round.
        let join = match D::Session::DIALECT {
            Dialect::MySql => "STRAIGHT_JOIN",
            Dialect::Sqlite => "CROSS JOIN",
        };
        script.sql("SELECT a.id, e.amount, j.id, j.kind, j.body, j.accepted_at FROM accounts a ").sql(join);
        script.sql(" entries e ON e.account_id = a.id AND e.seq > a.seq - ").value(HISTORY_ENTRIES_MAX);
        script.sql(" ").sql(join).sql(" jobs j ON j.id = e.job WHERE a.id IN (");
        script.list(accounts.iter().map(|account| account.key)).sql(")");
        Ok(read(&mut session, script, line).await?)
    }

    async fn keep(&self, batch: &Batch, results: &[PatternsRecord]) -> Result<(), StoreError> {
        let mut session = self.database.session(Purpose::WritingRecords).await?;
        let mut script = Script::new(D::Session::DIALECT);
        statements::begin(&mut script);
        let mut rest = results;
        loop {
            let (some, others) = rest.split_at(packet(rest));
            insert_found(&mut script, some);
            rest = others;
            if rest.is_empty() {
                insert_batch(&mut script, batch);
                script.sql("; COMMIT");
            }
            // What is open when this fails or is given up must not go on with whoever comes next.
            let sent = session.run(std::mem::replace(&mut script, Script::new(D::Session::DIALECT))).await;
            if let Err(failure) = sent {
                session.abandon();
                return Err(failure.into());
            }
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    async fn patterns(&self, account: &AccountNumber) -> Result<Option<PatternsRecord>, StoreError> {
        let mut session = self.database.session(Purpose::Reading).await?;
        let mut script = Script::new(D::Session::DIALECT);
        script.sql(FOUND).sql("account = ").value(account);
        Ok(read(&mut session, script, found).await?.pop())
    }

    async fn found(
        &self,
        run: JobId,
        after: Option<&AccountNumber>,
        limit: u32,
    ) -> Result<Vec<PatternsRecord>, StoreError> {
        let mut session = self.database.session(Purpose::Reading).await?;
        let mut script = Script::new(D::Session::DIALECT);
        script.sql(FOUND).sql("run = ").value(&run);
        if let Some(after) = after {
            script.sql(" AND account > ").value(after);
        }
        script.sql(" ORDER BY account LIMIT ").value(i64::from(limit));
        Ok(read(&mut session, script, found).await?)
    }
}

/// Runs a script that changes what is kept about runs.
async fn write<D: Database>(database: &D, script: Script) -> Result<(), StoreError> {
    database.session(Purpose::WritingRecords).await?.run(script).await?;
    Ok(())
}

fn insert_run(script: &mut Script, run: &NewRun, cancelled_at: Option<i64>) {
    script.insert_ignore().sql("analyses (run, client, requested_at, request, cancelled_at) VALUES ");
    script.rows([[
        Value::from(&run.id),
        Value::Text(&run.client),
        Value::Int(run.requested_at),
        Value::Text(&run.request),
        Value::from(cancelled_at),
    ]]);
}

/// How many of these go into one packet: at least one.
fn packet(results: &[PatternsRecord]) -> usize {
    let mut bytes = 0;
    let fits = results.iter().take_while(|found| {
        bytes += found.body.len();
        bytes <= PACKET_BYTES_MAX
    });
    fits.count().max(1).min(results.len())
}

fn insert_found(script: &mut Script, results: &[PatternsRecord]) {
    if results.is_empty() {
        return;
    }
    script.sql("REPLACE INTO patterns (account, run, at, body) VALUES ");
    script.rows(results.iter().map(|found| {
        [Value::from(&found.account), Value::from(&found.run), Value::Int(found.at), Value::Text(&found.body)]
    }));
    script.sql("; ");
}

fn insert_batch(script: &mut Script, batch: &Batch) {
    let cause: Option<String> =
        batch.cause.as_ref().map(|cause| cause.chars().take(CAUSE_CHARS_MAX).collect());
    script.sql("REPLACE INTO analysis_batches (run, batch, accounts, failed, cause, at) VALUES ");
    script.rows([[
        Value::from(&batch.run),
        Value::Int(stored(batch.number)),
        Value::Int(stored(batch.accounts)),
        Value::Int(stored(batch.failed)),
        Value::from(cause.as_deref()),
        Value::Int(batch.at),
    ]]);
}

/// Runs, with what is done of each; `which` says which and in which order.
fn select_runs(dialect: Dialect, which: impl FnOnce(&mut Script)) -> Script {
    let mut script = Script::new(dialect);
    script.sql(
        "SELECT a.run, a.client, a.requested_at, a.request, a.batches, a.accounts, a.cancelled_at, COUNT(b.batch), \
         CAST(COALESCE(SUM(b.accounts), 0) AS SIGNED), CAST(COALESCE(SUM(b.failed), 0) AS SIGNED), MIN(b.cause), \
         MAX(b.at) FROM (SELECT * FROM analyses ",
    );
    which(&mut script);
    script
        .sql(") a LEFT JOIN analysis_batches b ON b.run = a.run GROUP BY a.run, a.client, a.requested_at, ");
    script.sql("a.request, a.batches, a.accounts, a.cancelled_at ORDER BY a.requested_at DESC, a.run");
    script
}

async fn one_run<S: Session>(session: &mut S, id: JobId) -> Result<Option<Run>, Failure> {
    let script = select_runs(S::DIALECT, |script| {
        script.sql("WHERE run = ").value(&id);
    });
    Ok(read(session, script, run).await?.pop())
}

async fn read<S: Session, T>(
    session: &mut S,
    script: Script,
    of: impl Fn(&S::Row) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    session.run(script).await?.pop().unwrap_or_default().iter().map(of).collect()
}

fn run(row: &impl Cells) -> Result<Run, Failure> {
    let count_or_null = |place| row.int_or_null(place)?.map(count).transpose();
    Ok(Run {
        new: NewRun {
            id: rows::id(row.bytes(0)?)?,
            client: row.text(1)?.to_owned(),
            requested_at: row.int(2)?,
            request: row.text(3)?.to_owned(),
        },
        batches: count_or_null(4)?,
        accounts: count_or_null(5)?,
        cancelled_at: row.int_or_null(6)?,
        batches_done: count(row.int(7)?)?,
        accounts_done: count(row.int(8)?)?,
        accounts_failed: count(row.int(9)?)?,
        cause: row.text_or_null(10)?.map(str::to_owned),
        last_at: row.int_or_null(11)?,
    })
}

fn holding(row: &impl Cells) -> Result<Holding, Failure> {
    Ok(Holding { key: row.int(0)?, number: rows::number(row.text(1)?)?, seq: row.int(2)? })
}

fn line(row: &impl Cells) -> Result<Line, Failure> {
    Ok(Line {
        key: row.int(0)?,
        amount: row.int(1)?,
        job: rows::id(row.bytes(2)?)?,
        kind: rows::kind(row.text(3)?)?,
        body: row.text(4)?.to_owned(),
        accepted_at: row.int(5)?,
    })
}

fn found(row: &impl Cells) -> Result<PatternsRecord, Failure> {
    Ok(PatternsRecord {
        account: rows::number(row.text(0)?)?,
        run: rows::id(row.bytes(1)?)?,
        at: row.int(2)?,
        body: row.text(3)?.to_owned(),
    })
}
