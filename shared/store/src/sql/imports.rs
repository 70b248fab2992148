//! The imports port on the ledger's database. Posting does not wait for any of this, or not for long.

mod contents;
mod reading;

use std::collections::HashMap;

use async_trait::async_trait;

use self::reading::{import, imported_row, refusal, rows_by_outcome};
pub(super) use self::reading::{select_tallies, tally};
use super::posting::SqlTransaction;
use super::statements::{begin, stored};
use crate::error::StoreError;
use crate::failure::Failure;
use crate::imports::{
    Content, Import, ImportedRow, Imports, NewImport, Opened, Progress, Refusal, RowTally, RowsByOutcome,
    Share, Standing,
};
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script, Value};
use crate::sql::session::{Database, Purpose, Session, SqlLedger};

/// An unfinished import of the same file may end just when it was found to be in the way.
const CREATE_ATTEMPTS_MAX: usize = 5;
/// The most characters that are kept of a sentence that says why: servers take 65,535 bytes and refuse the rest.
const REASON_CHARS_MAX: usize = 2_000;
/// The most characters that are kept of a field's name.
const FIELD_CHARS_MAX: usize = 255;

/// What [`import`] reads.
const IMPORT: &str = "SELECT number, client, digest, owner, description, state, read_to, accepted, refused, bytes_read, \
     remark, cancel_requested, created_at, started_at, updated_at FROM imports";

#[async_trait]
impl<D: Database> Imports for SqlLedger<D> {
    async fn create(&self, new: &NewImport) -> Result<Opened, StoreError> {
        let open_key = open_key(new);
        for _ in 0..CREATE_ATTEMPTS_MAX {
            let mut created = match insert_import(&self.database, new, &open_key).await {
                Ok(number) => select_imports(&self.database, |script| by_number(script, number)).await?,
                Err(Failure::DuplicateKey(_)) => {
                    let found = select_imports(&self.database, |script| {
                        script.sql(" WHERE open_key = ").value(Value::Bytes(&open_key));
                    })
                    .await?;
                    match found.into_iter().next() {
                        Some(import) => return Ok(Opened { import, is_new: false }),
                        None => continue,
                    }
                }
                Err(failure) => return Err(failure.into()),
            };
            let import = created.pop().ok_or_else(|| Failure::unreadable("import just made", "nothing"))?;
            return Ok(Opened { import, is_new: true });
        }
        Err(StoreError::Transient("imports of the same file come and go; try again".to_owned()))
    }

    async fn import(&self, number: u64) -> Result<Option<Import>, StoreError> {
        Ok(select_imports(&self.database, |script| by_number(script, stored(number))).await?.pop())
    }

    async fn imports(
        &self,
        client: Option<&str>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Import>, StoreError> {
        let select = |script: &mut Script| {
            script.sql(" WHERE number < ").value(before.map_or(i64::MAX, stored));
            if let Some(client) = client {
                script.sql(" AND client = ").value(client);
            }
            script.sql(" ORDER BY number DESC LIMIT ").value(i64::from(limit));
        };
        Ok(select_imports(&self.database, select).await?)
    }

    async fn take_over(
        &self,
        number: u64,
        owner: &str,
        stale_before: i64,
        now: i64,
    ) -> Result<bool, StoreError> {
        let mut script = Script::new(D::Session::DIALECT);
        script.sql("UPDATE imports SET owner = ").value(owner).sql(", updated_at = ").value(now);
        where_number(&mut script, stored(number)).sql(" AND open_key IS NOT NULL AND (owner = ").value(owner);
        script
            .sql(" OR updated_at < ")
            .value(stale_before)
            .sql("); SELECT open_key IS NOT NULL, owner FROM imports");
        where_number(&mut script, stored(number));
        let mut session = self.database.session(Purpose::WritingRecords).await?;
        let found = session.run(script).await?.pop().unwrap_or_default();
        let Some(row) = found.first() else { return Ok(false) };
        Ok(row.int(0)? == 1 && row.text(1)? == owner)
    }

    async fn checkpoint(
        &self,
        number: u64,
        owner: &str,
        progress: &Progress,
        refusals: &[Refusal],
        now: i64,
    ) -> Result<Standing, StoreError> {
        let session = self.database.session(Purpose::WritingRecords).await?;
        let mut transaction = SqlTransaction::new(session);
        let mut script = Script::new(D::Session::DIALECT);
        begin(&mut script);
        script.sql("SELECT owner, cancel_requested, open_key IS NOT NULL FROM imports");
        where_number(&mut script, stored(number));
        script.sql(match D::Session::DIALECT {
            Dialect::MySql => " FOR UPDATE",
            Dialect::Sqlite => "",
        });
        let found = transaction.run(script).await?.pop().unwrap_or_default();
        let standing = match found.first() {
            Some(row) => Standing {
                owned: row.text(0)? == owner && row.int(2)? == 1,
                cancel_requested: row.int(1)? != 0,
            },
            None => Standing { owned: false, cancel_requested: false },
        };
        let mut script = Script::new(D::Session::DIALECT);
        if standing.owned {
            insert_refusals(&mut script, number, refusals);
            update_progress(&mut script, number, progress, now);
        }
        script.sql("COMMIT");
        transaction.finish(script).await?;
        Ok(standing)
    }

    async fn request_cancel(&self, number: u64, stale_before: i64, now: i64) -> Result<(), StoreError> {
        let mut script = Script::new(D::Session::DIALECT);
        script.sql("UPDATE imports SET cancel_requested = 1");
        where_number(&mut script, stored(number)).sql(" AND open_key IS NOT NULL; ");
        script
            .sql("UPDATE imports SET state = 'cancelled', remark = NULL, open_key = NULL, updated_at = ")
            .value(now);
        where_number(&mut script, stored(number)).sql(" AND open_key IS NOT NULL AND updated_at < ");
        script.value(stale_before);
        self.database.session(Purpose::WritingRecords).await?.run(script).await?;
        Ok(())
    }

    async fn refusals(&self, number: u64, from: u64, limit: u32) -> Result<Vec<Refusal>, StoreError> {
        let mut script = Script::new(D::Session::DIALECT);
        script.sql("SELECT number, line, place, field, reason, raw FROM import_refusals");
        page(&mut script, number, from, limit);
        Ok(read_rows(&self.database, script, refusal).await?)
    }

    async fn rows(&self, number: u64, after: u64, limit: u32) -> Result<Vec<ImportedRow>, StoreError> {
        let mut script = Script::new(D::Session::DIALECT);
        script.sql(
            "SELECT r.number, r.job, r.outcome, r.reason, j.body FROM import_rows r LEFT JOIN jobs j ON j.id = r.job",
        );
        page(&mut script, number, after.saturating_add(1), limit);
        Ok(read_rows(&self.database, script, imported_row).await?)
    }

    async fn conflicts(&self, number: u64, after: u64, limit: u32) -> Result<Vec<u64>, StoreError> {
        Ok(contents::conflicts(&self.database, number, after, limit).await?)
    }

    async fn record_content(
        &self,
        number: u64,
        content: &Content,
        is_kept: bool,
    ) -> Result<Vec<Share>, StoreError> {
        let shares = contents::compare(&self.database, number, content).await?;
        contents::write(&self.database, number, content, is_kept, &shares).await?;
        Ok(shares)
    }

    async fn shares(&self, number: u64) -> Result<Vec<Share>, StoreError> {
        Ok(contents::shares(&self.database, number).await?)
    }

    async fn rows_by_outcome(&self, number: u64) -> Result<Vec<RowsByOutcome>, StoreError> {
        let mut script = Script::new(D::Session::DIALECT);
        script.sql("SELECT outcome, reason, COUNT(*) FROM import_rows WHERE import = ").value(stored(number));
        script.sql(" GROUP BY outcome, reason ORDER BY outcome, reason");
        Ok(read_rows(&self.database, script, rows_by_outcome).await?)
    }

    async fn tallies(&self, numbers: &[u64]) -> Result<HashMap<u64, RowTally>, StoreError> {
        if numbers.is_empty() {
            return Ok(HashMap::new());
        }
        let mut script = Script::new(D::Session::DIALECT);
        select_tallies(&mut script);
        script.sql(" WHERE import IN (");
        script.list(numbers.iter().map(|number| stored(*number))).sql(") GROUP BY import");
        Ok(read_rows(&self.database, script, tally).await?.into_iter().collect())
    }
}

/// With its totals, a row for each lane of the fleet.
async fn insert_import<D: Database>(database: &D, new: &NewImport, open_key: &[u8]) -> Result<i64, Failure> {
    let mut transaction = SqlTransaction::new(database.session(Purpose::WritingRecords).await?);
    let mut script = Script::new(D::Session::DIALECT);
    begin(&mut script);
    script.sql(
        "INSERT INTO imports (client, digest, open_key, owner, state, description, read_to, accepted, refused, \
         bytes_read, remark, cancel_requested, created_at, started_at, updated_at) VALUES ",
    );
    let nothing = Value::Int(0);
    script.rows([[
        new.client.as_str().into(),
        Value::Bytes(&new.digest),
        Value::Bytes(open_key),
        new.owner.as_str().into(),
        Value::Name("queued"),
        new.description.as_str().into(),
        nothing,
        nothing,
        nothing,
        nothing,
        Value::Null,
        nothing,
        new.created_at.into(),
        Value::Null,
        new.created_at.into(),
    ]]);
    let number = match D::Session::DIALECT {
        Dialect::MySql => "CAST(LAST_INSERT_ID() AS SIGNED)",
        // Inserting from a query moves `last_insert_rowid()` on; there is only one writer.
        Dialect::Sqlite => "(SELECT MAX(number) FROM imports)",
    };
    script.sql(
        "; INSERT INTO import_totals (import, lane, posted, rejected, duplicate, conflict, dead) SELECT ",
    );
    script.sql(number).sql(", lane, 0, 0, 0, 0, 0 FROM lane_totals; SELECT ").sql(number);
    let found = transaction.run(script).await?.pop().unwrap_or_default();
    let number =
        found.first().ok_or_else(|| Failure::unreadable("number of an import", "nothing"))?.int(0)?;
    let mut script = Script::new(D::Session::DIALECT);
    script.sql("COMMIT");
    transaction.finish(script).await?;
    Ok(number)
}

async fn select_imports<D: Database>(
    database: &D,
    condition: impl FnOnce(&mut Script),
) -> Result<Vec<Import>, Failure> {
    let mut script = Script::new(D::Session::DIALECT);
    script.sql(IMPORT);
    condition(&mut script);
    read_rows(database, script, import).await
}

async fn read_rows<D: Database, T>(
    database: &D,
    script: Script,
    read: impl Fn(&<D::Session as Session>::Row) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut session = database.session(Purpose::ReadingRecords).await?;
    let found = session.run(script).await?.pop().unwrap_or_default();
    found.iter().map(read).collect()
}

fn where_number(script: &mut Script, number: i64) -> &mut Script {
    script.sql(" WHERE number = ").value(number)
}

fn by_number(script: &mut Script, number: i64) {
    where_number(script, number);
}

fn page(script: &mut Script, import: u64, from: u64, limit: u32) {
    script.sql(" WHERE import = ").value(stored(import)).sql(" AND number >= ").value(stored(from));
    script.sql(" ORDER BY number LIMIT ").value(i64::from(limit));
}

/// The same for the same file of the same client.
fn open_key(new: &NewImport) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&new.digest).update(new.client.as_bytes());
    *hasher.finalize().as_bytes()
}

fn insert_refusals(script: &mut Script, number: u64, refusals: &[Refusal]) {
    if refusals.is_empty() {
        return;
    }
    script.sql(match script.dialect() {
        Dialect::MySql => "INSERT IGNORE",
        Dialect::Sqlite => "INSERT OR IGNORE",
    });
    script.sql(" INTO import_refusals (import, number, line, place, field, reason, raw) VALUES ");
    script.rows(refusals.iter().map(|refusal| {
        [
            stored(number).into(),
            stored(refusal.row).into(),
            stored(refusal.line).into(),
            refusal.column.map(stored).into(),
            refusal.field.as_deref().map(|field| head(field, FIELD_CHARS_MAX)).into(),
            head(&refusal.reason, REASON_CHARS_MAX).into(),
            Value::Bytes(&refusal.raw),
        ]
    }));
    script.sql("; ");
}

fn update_progress(script: &mut Script, number: u64, progress: &Progress, now: i64) {
    script.sql("UPDATE imports SET state = ").value(Value::Name(progress.state.name()));
    script.sql(", read_to = ").value(stored(progress.read_to));
    script.sql(", accepted = ").value(stored(progress.accepted));
    script.sql(", refused = ").value(stored(progress.refused));
    script.sql(", bytes_read = ").value(stored(progress.bytes_read));
    script.sql(", remark = ").value(progress.remark.as_deref().map(|why| head(why, REASON_CHARS_MAX)));
    script.sql(", started_at = COALESCE(started_at, ").value(now).sql("), updated_at = ").value(now);
    if progress.state.has_ended() {
        script.sql(", open_key = NULL");
    }
    where_number(script, stored(number)).sql("; ");
}

/// The first characters of a text.
fn head(text: &str, chars_max: usize) -> &str {
    text.char_indices().nth(chars_max).map_or(text, |(end, _)| &text[..end])
}
