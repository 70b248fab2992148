//! The records port on the ledger's database: each call is a statement or two on a connection that posting
//! does not wait for, or not for long.

use async_trait::async_trait;

use super::rows::count;
use super::statements::stored;
use crate::error::StoreError;
use crate::failure::Failure;
use crate::records::{Record, RecordKind, Records};
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script, Value};
use crate::sql::session::{Database, Purpose, Session, SqlLedger};

/// Records removed in one statement, so that none holds up others for long.
const PRUNED_AT_ONCE: i64 = 500;

#[async_trait]
impl<D: Database> Records for SqlLedger<D> {
    async fn append(&self, kind: RecordKind, at: i64, body: &str) -> Result<u64, StoreError> {
        let mut session = self.database.session(Purpose::WritingRecords).await?;
        Ok(append(&mut session, kind, at, body).await?)
    }

    async fn replace(&self, number: u64, body: &str) -> Result<(), StoreError> {
        let mut session = self.database.session(Purpose::WritingRecords).await?;
        let mut script = Script::new(D::Session::DIALECT);
        script.sql("UPDATE records SET body = ").value(body).sql(" WHERE number = ").value(stored(number));
        session.run(script).await?;
        Ok(())
    }

    async fn get(&self, kind: RecordKind, number: u64) -> Result<Option<Record>, StoreError> {
        let mut session = self.database.session(Purpose::ReadingRecords).await?;
        let mut script = select(D::Session::DIALECT, kind);
        script.sql(" AND number = ").value(stored(number));
        Ok(read(&mut session, script).await?.pop())
    }

    async fn list(
        &self,
        kind: RecordKind,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let mut session = self.database.session(Purpose::ReadingRecords).await?;
        let mut script = select(D::Session::DIALECT, kind);
        if let Some(before) = before {
            script.sql(" AND number < ").value(stored(before));
        }
        script.sql(" ORDER BY number DESC LIMIT ").value(i64::from(limit));
        Ok(read(&mut session, script).await?)
    }

    async fn prune(&self, kind: RecordKind, at: i64) -> Result<u64, StoreError> {
        let mut pruned = 0;
        loop {
            // Taken anew each time: whoever waits to post comes in between.
            let mut session = self.database.session(Purpose::WritingRecords).await?;
            let removed = prune_some(&mut session, kind, at).await?;
            pruned += removed;
            if removed < PRUNED_AT_ONCE.unsigned_abs() {
                return Ok(pruned);
            }
        }
    }
}

async fn append<S: Session>(session: &mut S, kind: RecordKind, at: i64, body: &str) -> Result<u64, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("INSERT INTO records (kind, at, body) VALUES ");
    script.rows([[Value::Name(kind.name()), Value::Int(at), Value::Text(body)]]);
    script.sql(match S::DIALECT {
        Dialect::MySql => "; SELECT CAST(LAST_INSERT_ID() AS SIGNED)",
        Dialect::Sqlite => "; SELECT last_insert_rowid()",
    });
    let rows = session.run(script).await?.pop().unwrap_or_default();
    let row = rows.first().ok_or_else(|| Failure::unreadable("number of a record", "nothing"))?;
    count(row.int(0)?)
}

fn select(dialect: Dialect, kind: RecordKind) -> Script {
    let mut script = Script::new(dialect);
    script.sql("SELECT number, at, body FROM records WHERE kind = ").value(Value::Name(kind.name()));
    script
}

async fn read<S: Session>(session: &mut S, script: Script) -> Result<Vec<Record>, Failure> {
    let rows = session.run(script).await?.pop().unwrap_or_default();
    let record = |row: &S::Row| {
        Ok(Record { number: count(row.int(0)?)?, at: row.int(1)?, body: row.text(2)?.to_owned() })
    };
    rows.iter().map(record).collect()
}

/// Finds them before it removes them: neither database takes a limit there that the other does.
async fn prune_some<S: Session>(session: &mut S, kind: RecordKind, at: i64) -> Result<u64, Failure> {
    let mut find = Script::new(S::DIALECT);
    find.sql("SELECT number FROM records WHERE kind = ").value(Value::Name(kind.name()));
    find.sql(" AND at < ").value(at).sql(" ORDER BY at LIMIT ").value(PRUNED_AT_ONCE);
    let old = session.run(find).await?.pop().unwrap_or_default();
    if old.is_empty() {
        return Ok(0);
    }
    let numbers = old.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, _>>()?;
    let mut remove = Script::new(S::DIALECT);
    remove.sql("DELETE FROM records WHERE number IN (").list(numbers.iter().copied()).sql(")");
    session.run(remove).await?;
    Ok(u64::try_from(numbers.len()).unwrap_or(u64::MAX))
}
