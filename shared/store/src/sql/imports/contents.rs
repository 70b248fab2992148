//! What the files of imports say, what they share, and which of their rows contradict others.

use super::super::posting::SqlTransaction;
use super::super::rows::count;
use super::super::statements::{begin, stored};
use super::read_rows;
use crate::failure::Failure;
use crate::imports::{Content, Share, Sketch};
use crate::sql::rows::Cells;
use crate::sql::script::{Script, Value};
use crate::sql::session::{Database, Purpose, Session};

/// Imports of the client that a new one is compared with, the newest: some years of daily files, in 2.4 MB.
const COMPARED_MAX: i64 = 200;
/// Others that are named.
const SHARES_MAX: usize = 10;

/// The imports of the same client that have rows of this one, most shared rows first.
pub(super) async fn compare<D: Database>(
    database: &D,
    number: u64,
    content: &Content,
) -> Result<Vec<Share>, Failure> {
    if content.sketch.is_empty() {
        return Ok(Vec::new());
    }
    let mut script = Script::new(D::Session::DIALECT);
    script.sql("SELECT c.import, c.sketch FROM import_contents c JOIN imports i ON i.number = c.import ");
    script.sql("WHERE i.client = (SELECT o.client FROM imports o WHERE o.number = ").value(stored(number));
    script.sql(") AND c.import <> ").value(stored(number));
    // One that ended before its first row was queued has posted nothing.
    script.sql(" AND NOT (i.open_key IS NULL AND i.accepted = 0)");
    script.sql(" ORDER BY c.import DESC LIMIT ").value(COMPARED_MAX);
    let mut shares = read_rows(database, script, |row| {
        let sketch = Sketch::from_bytes(row.bytes(1)?);
        let sketch = sketch.ok_or_else(|| Failure::unreadable("sketch of an import", row.int(0)))?;
        Ok(Share { import: count(row.int(0)?)?, rows: content.sketch.shared_rows(&sketch) })
    })
    .await?;
    shares.retain(|share| share.rows > 0);
    shares.sort_by_key(|share| std::cmp::Reverse((share.rows, share.import)));
    shares.truncate(SHARES_MAX);
    Ok(shares)
}

/// Writes both, in place of what was written before a crash.
pub(super) async fn write<D: Database>(
    database: &D,
    number: u64,
    content: &Content,
    is_kept: bool,
    shares: &[Share],
) -> Result<(), Failure> {
    let session = database.session(Purpose::WritingRecords).await?;
    let mut transaction = SqlTransaction::new(session);
    let mut script = Script::new(D::Session::DIALECT);
    begin(&mut script);
    let sketch = content.sketch.to_bytes();
    if is_kept && !content.sketch.is_empty() {
        script.insert_ignore().sql("import_contents (import, identity, sketch) VALUES ");
        script
            .rows([[stored(number).into(), Value::Bytes(&content.identity), Value::Bytes(&sketch)]])
            .sql("; ");
    }
    if !shares.is_empty() {
        script.insert_ignore().sql("import_shares (import, other, row_count) VALUES ");
        let row = |share: &Share| [stored(number), stored(share.import), stored(share.rows)].map(Value::Int);
        script.rows(shares.iter().map(row)).sql("; ");
    }
    script.sql("COMMIT");
    transaction.finish(script).await
}

/// As they were written.
pub(super) async fn shares<D: Database>(database: &D, number: u64) -> Result<Vec<Share>, Failure> {
    let mut script = Script::new(D::Session::DIALECT);
    script.sql("SELECT other, row_count FROM import_shares WHERE import = ").value(stored(number));
    script.sql(" ORDER BY row_count DESC, other DESC");
    read_rows(database, script, |row| Ok(Share { import: count(row.int(0)?)?, rows: count(row.int(1)?)? }))
        .await
}

/// The rows of an import that came out as conflicts, by their numbers.
pub(super) async fn conflicts<D: Database>(
    database: &D,
    number: u64,
    after: u64,
    limit: u32,
) -> Result<Vec<u64>, Failure> {
    let mut script = Script::new(D::Session::DIALECT);
    script.sql("SELECT number FROM import_rows WHERE import = ").value(stored(number));
    script.sql(" AND outcome = 'conflict' AND number > ").value(stored(after));
    script.sql(" ORDER BY number LIMIT ").value(i64::from(limit));
    read_rows(database, script, |row| count(row.int(0)?)).await
}
