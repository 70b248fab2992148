//! Reading everything: the ledger page by page, as one snapshot shows it.

use std::collections::{BTreeMap, HashMap};

use domain::account::Account;
use domain::hold::Hold;
use domain::id::JobId;
use domain::job::Origin;
use domain::lane::Lane;
use domain::money::Amount;
use domain::standing_order::StandingOrder;

use super::cancellations::{self, only_jobs};
use super::imports::{select_tallies, tally};
use super::listings::ordered_join;
use super::rows::{ACCOUNT, ENTRY, HOLD, JOB, count};
use super::statements::{ORDER, stored};
use super::{reads, rows, statements};
use crate::failure::Failure;
use crate::imports::RowTally;
use crate::ledger::audit::LaneTotals;
use crate::ledger::audit::pages::{
    AccountsPage, EntryOnPage, ImportRowOnPage, JobOnPage, OnSchedule, Pages, Range, SweepOnPage,
};
use crate::ledger::post::Library;
use crate::ledger::record::JobRecord;
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script};
use crate::sql::session::Session;

/// Accounts on a page, at most.
const ACCOUNTS_MAX: i64 = 1_000;
/// Entries on a page, about.
const ENTRIES_MAX: i64 = 10_000;
/// Where entries of an account begin that somebody may have forged. (One more: SQL reads the sign of the
/// least number of 64 bits after the number, which is too large.)
const SEQ_MIN: i64 = i64::MIN + 1;
/// Jobs on a page.
const JOBS_MAX: i64 = 2_000;
/// Rows without a job that are named.
const SCHEDULES_MAX: i64 = 100;

/// A connection on which a snapshot is open, until it is dropped.
pub(super) struct Snapshot<S: Session>(S);

impl<S: Session> Snapshot<S> {
    /// What is committed now; what is posted meanwhile does not show.
    pub(super) async fn open(mut session: S) -> Result<Snapshot<S>, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql(match S::DIALECT {
            Dialect::MySql => {
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
                 START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
            }
            // The snapshot is that of the first read.
            Dialect::Sqlite => "BEGIN",
        });
        // Nothing is written, so closing the connection is all that it takes to end it.
        session.abandon();
        session.run(script).await?;
        Ok(Snapshot(session))
    }

    pub(super) async fn ask(&mut self, script: Script) -> Result<Vec<S::Row>, Failure> {
        Ok(self.0.run(script).await?.pop().unwrap_or_default())
    }
}

impl<S: Session> Library for Snapshot<S> {
    async fn find(
        &mut self,
        holds: &[JobId],
        jobs: &[JobId],
    ) -> Result<(Vec<Hold>, Vec<JobRecord>), Failure> {
        reads::find(&mut self.0, holds, jobs).await
    }

    async fn sweeps(&mut self, jobs: &[JobId]) -> Result<HashMap<JobId, Amount>, Failure> {
        reads::sweeps(&mut self.0, jobs).await
    }
}

impl<S: Session> Pages for Snapshot<S> {
    async fn accounts(&mut self, after: i64) -> Result<AccountsPage, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT ").sql(ACCOUNT).sql(" FROM accounts a WHERE a.id > ").value(after);
        script.sql(" ORDER BY a.id LIMIT ").value(ACCOUNTS_MAX);
        let found = self.ask(script).await?;
        let mut accounts = found.iter().map(rows::account).collect::<Result<Vec<_>, _>>()?;
        let unread = plan(after, &mut accounts);
        let mut held = HashMap::new();
        if let (Some(first), Some(last)) = (accounts.first(), accounts.last()) {
            let mut script = Script::new(S::DIALECT);
            script.sql("SELECT account_id, ").sql(match S::DIALECT {
                Dialect::MySql => "CAST(SUM(amount) AS SIGNED)",
                Dialect::Sqlite => "SUM(amount)",
            });
            script
                .sql(" FROM holds WHERE status = 'active' AND account_id BETWEEN ")
                .value(first.key.unwrap_or_default());
            script.sql(" AND ").value(last.key.unwrap_or_default()).sql(" GROUP BY account_id");
            for row in self.ask(script).await? {
                held.insert(row.int(0)?, row.int(1)?);
            }
        }
        Ok(AccountsPage { accounts, held, unread })
    }

    async fn entries(&mut self, page: &mut AccountsPage) -> Result<Option<Vec<EntryOnPage>>, Failure> {
        let Some(Range { keys, seqs }) = page.unread.pop() else { return Ok(None) };
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT ").sql(ENTRY).sql(", e.account_id FROM entries e WHERE ");
        if keys.0 == keys.1 {
            script.sql("e.account_id = ").value(keys.0);
        } else {
            script.sql("e.account_id BETWEEN ").value(keys.0).sql(" AND ").value(keys.1);
        }
        script.sql(" AND e.seq BETWEEN ").value(seqs.0).sql(" AND ").value(seqs.1);
        script.sql(" ORDER BY e.account_id, e.seq");
        let entry = |row: &S::Row| {
            Ok(EntryOnPage {
                seq: row.int(0)?,
                job: rows::id(row.bytes(1)?)?,
                amount: row.int(2)?,
                balance_after: row.int(3)?,
                posted_at: row.int(4)?,
                account_key: row.int(5)?,
            })
        };
        self.ask(script).await?.iter().map(entry).collect::<Result<_, _>>().map(Some)
    }

    async fn jobs(&mut self, after: i64) -> Result<Vec<JobOnPage>, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT ").sql(JOB).sql(", j.seq, j.account, j.ingress, (j.cause IS NOT NULL ");
        script.sql("OR ").sql(cancellations::CAME_FIRST).sql("), j.scheduled_at, s.due_at, s.message ");
        script.sql("FROM jobs j LEFT JOIN scheduled_jobs s");
        // MySQL 9 would join a small table by hashing, and sort all jobs of the ledger for each page.
        if matches!(script.dialect(), Dialect::MySql) {
            script.sql(" FORCE INDEX (scheduled_jobs_id)");
        }
        script.sql(" ON s.id = j.id WHERE j.seq > ").value(after);
        only_jobs(&mut script).sql(" ORDER BY j.seq LIMIT ").value(JOBS_MAX);
        let job = |row: &S::Row| {
            Ok(JobOnPage {
                record: rows::job(row)?,
                seq: row.int(11)?,
                account: rows::number(row.text(12)?)?,
                ingress: row.text(13)?.to_owned(),
                is_out_of_order: row.int(14)? != 0,
                was_scheduled: row.int_or_null(15)?.is_some(),
                on_schedule: match (row.int_or_null(16)?, row.text_or_null(17)?) {
                    (Some(due_at), Some(message)) => Some(OnSchedule { due_at, message: message.to_owned() }),
                    _ => None,
                },
            })
        };
        self.ask(script).await?.iter().map(job).collect()
    }

    async fn holds(&mut self, after: Option<JobId>) -> Result<Vec<Hold>, Failure> {
        let mut script = Script::new(S::DIALECT);
        let join = ordered_join(S::DIALECT);
        script.sql("SELECT ").sql(HOLD).sql(" FROM holds h ").sql(join);
        script.sql(" accounts a ON a.id = h.account_id");
        if let Some(after) = after {
            script.sql(" WHERE h.id > ").value(&after);
        }
        script.sql(" ORDER BY h.id LIMIT ").value(JOBS_MAX);
        self.ask(script).await?.iter().map(rows::hold).collect()
    }

    async fn reversals(&mut self, after: Option<JobId>) -> Result<Vec<(JobId, JobId)>, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT r.original, r.by_job FROM reversals r");
        if let Some(after) = after {
            script.sql(" WHERE r.original > ").value(&after);
        }
        script.sql(" ORDER BY r.original LIMIT ").value(JOBS_MAX);
        let reversal = |row: &S::Row| Ok((rows::id(row.bytes(0)?)?, rows::id(row.bytes(1)?)?));
        self.ask(script).await?.iter().map(reversal).collect()
    }

    async fn import_rows(&mut self, after: Origin) -> Result<Vec<ImportRowOnPage>, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT r.import, r.number, r.job, r.outcome, r.reason, j.outcome, j.reason ");
        script.sql("FROM import_rows r LEFT JOIN jobs j");
        if matches!(script.dialect(), Dialect::MySql) {
            script.sql(" FORCE INDEX (jobs_id)");
        }
        script.sql(" ON j.id = r.job WHERE ");
        let (import, row) = (stored(after.import), stored(after.row));
        // Each looks through the key for one of the two.
        match script.dialect() {
            Dialect::MySql => script
                .sql("(r.import > ")
                .value(import)
                .sql(" OR (r.import = ")
                .value(import)
                .sql(" AND r.number > ")
                .value(row)
                .sql("))"),
            Dialect::Sqlite => {
                script.sql("(r.import, r.number) > (").value(import).sql(", ").value(row).sql(")")
            }
        };
        script.sql(" ORDER BY r.import, r.number LIMIT ").value(JOBS_MAX);
        let on_page = |row: &S::Row| {
            Ok(ImportRowOnPage {
                row: Origin { import: count(row.int(0)?)?, row: count(row.int(1)?)? },
                job: rows::id(row.bytes(2)?)?,
                outcome: rows::row_outcome(row.text(3)?)?,
                reason: row.text_or_null(4)?.map(str::to_owned),
                of_job: match row.text_or_null(5)? {
                    // The job itself has not come.
                    None | Some(cancellations::AWAITED) => None,
                    Some(outcome) => Some(rows::outcome(outcome, row.text_or_null(6)?)?),
                },
            })
        };
        self.ask(script).await?.iter().map(on_page).collect()
    }

    async fn import_totals(&mut self) -> Result<BTreeMap<u64, RowTally>, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT number FROM imports; ");
        select_tallies(&mut script);
        script.sql(" GROUP BY import");
        let mut results = self.0.run(script).await?.into_iter();
        let imports = results.next().unwrap_or_default();
        let none = |row: &S::Row| Ok((count(row.int(0)?)?, RowTally::default()));
        let mut totals = imports.iter().map(none).collect::<Result<BTreeMap<_, _>, Failure>>()?;
        for row in results.next().unwrap_or_default() {
            let (import, tally) = tally(&row)?;
            totals.insert(import, tally);
        }
        Ok(totals)
    }

    async fn schedules_without_jobs(&mut self) -> Result<Vec<JobId>, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql(
            "SELECT s.id FROM scheduled_jobs s LEFT JOIN jobs j ON j.id = s.id WHERE j.id IS NULL LIMIT ",
        );
        script.value(SCHEDULES_MAX);
        self.ask(script).await?.iter().map(|row| rows::id(row.bytes(0)?)).collect()
    }

    async fn standing_orders(&mut self, after: Option<JobId>) -> Result<Vec<StandingOrder>, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT ").sql(ORDER).sql(" FROM standing_orders s ").sql(ordered_join(S::DIALECT));
        script.sql(" jobs j ON j.id = s.id");
        if let Some(after) = after {
            script.sql(" WHERE s.id > ").value(&after);
        }
        script.sql(" ORDER BY s.id LIMIT ").value(JOBS_MAX);
        self.ask(script).await?.iter().map(statements::order).collect()
    }

    async fn orders_without_jobs(&mut self) -> Result<Vec<JobId>, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql(
            "SELECT s.id FROM standing_orders s LEFT JOIN jobs j ON j.id = s.id WHERE j.id IS NULL LIMIT ",
        );
        script.value(SCHEDULES_MAX);
        self.ask(script).await?.iter().map(|row| rows::id(row.bytes(0)?)).collect()
    }

    async fn sweeps_after(&mut self, after: Option<JobId>) -> Result<Vec<SweepOnPage>, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT w.job, w.amount, w.held, a.number, e.job, e.amount, e.balance_after, j.body FROM sweeps w ");
        script.sql("LEFT JOIN accounts a ON a.id = w.account_id LEFT JOIN jobs j ON j.id = w.job ");
        script.sql("LEFT JOIN entries e ON e.account_id = w.account_id AND e.seq = w.seq");
        if let Some(after) = after {
            script.sql(" WHERE w.job > ").value(&after);
        }
        script.sql(" ORDER BY w.job LIMIT ").value(JOBS_MAX);
        let sweep = |row: &S::Row| {
            let entry = match row.int_or_null(5)? {
                Some(amount) => Some((rows::id(row.bytes(4)?)?, amount, row.int(6)?)),
                None => None,
            };
            Ok(SweepOnPage {
                job: rows::id(row.bytes(0)?)?,
                amount: row.int(1)?,
                held: row.int(2)?,
                account: row.text_or_null(3)?.map(str::to_owned),
                entry,
                body: row.text_or_null(7)?.map(str::to_owned),
            })
        };
        self.ask(script).await?.iter().map(sweep).collect()
    }

    async fn lane_totals(&mut self) -> Result<BTreeMap<Lane, LaneTotals>, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT lane, posted, rejected, dead, entries, cancelled, scheduled FROM lane_totals");
        let totals = |row: &S::Row| {
            let totals = LaneTotals {
                posted: count(row.int(1)?)?,
                rejected: count(row.int(2)?)?,
                dead: count(row.int(3)?)?,
                entries: count(row.int(4)?)?,
                cancelled: count(row.int(5)?)?,
                scheduled: count(row.int(6)?)?,
            };
            Ok((rows::lane(row.int(0)?)?, totals))
        };
        self.ask(script).await?.iter().map(totals).collect()
    }
}

/// Cuts a page down to accounts whose entries are about one page too, or to one account with more; and says
/// how to read them, the next range last. Keys between two accounts are read too: nothing should be there.
fn plan(after: i64, accounts: &mut Vec<Account>) -> Vec<Range> {
    let all = (SEQ_MIN, i64::MAX);
    let Some(first) = accounts.first() else {
        // Behind the last account.
        return vec![Range { keys: (after + 1, i64::MAX), seqs: all }];
    };
    if first.seq > ENTRIES_MAX {
        let (key, last) = (first.key.unwrap_or_default(), first.seq);
        accounts.truncate(1);
        let before = Range { keys: (after + 1, key - 1), seqs: all };
        let behind = Range { keys: (key, key), seqs: (last + 1, i64::MAX) };
        let mut ranges = vec![behind];
        let mut to = last;
        while to > 0 {
            let from = (to - ENTRIES_MAX + 1).max(1);
            ranges.push(Range { keys: (key, key), seqs: (if from == 1 { SEQ_MIN } else { from }, to) });
            to = from - 1;
        }
        ranges.push(before);
        return ranges;
    }
    let mut entries = 0;
    let fitting = accounts.iter().take_while(|account| {
        entries += account.seq;
        entries <= ENTRIES_MAX
    });
    let fitting = fitting.count();
    accounts.truncate(fitting);
    let last = accounts.last().and_then(|account| account.key).unwrap_or_default();
    vec![Range { keys: (after + 1, last), seqs: all }]
}
