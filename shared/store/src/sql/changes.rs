//! Changes of records that replicas keep in memory: each row has a revision, whose sum tells that something changed.

use super::rows::Cells as _;
use super::script::Script;
use super::session::Session;
use super::statements;
use crate::failure::Failure;

/// Makes a change, all of it or nothing.
pub(super) async fn changed<S: Session>(
    session: &mut S,
    change: impl FnOnce(&mut Script),
) -> Result<(), Failure> {
    let mut script = Script::new(S::DIALECT);
    statements::begin(&mut script);
    change(&mut script);
    script.sql("; COMMIT");
    let sent = session.run(script).await;
    if sent.is_err() {
        // What is open must not go on for another caller.
        session.abandon();
    }
    sent.map(drop)
}

/// What is another after every change of a table with revisions; `None`: the table is empty.
pub(super) async fn version<S: Session>(
    session: &mut S,
    table: &'static str,
) -> Result<Option<String>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT COUNT(*), CAST(COALESCE(SUM(revision), 0) AS SIGNED) FROM ").sql(table);
    let rows = session.run(script).await?.pop().unwrap_or_default();
    let row = rows.first().ok_or_else(|| Failure::unreadable("number of rows", table))?;
    let (count, revisions) = (row.int(0)?, row.int(1)?);
    Ok((count > 0).then(|| format!("{count} {revisions}")))
}

/// A number by chance: 31 bits, so that the sum of any number of them is a number of the database.
pub(super) fn chance() -> Result<i64, Failure> {
    let chance =
        getrandom::u64().map_err(|cause| Failure::Transient(format!("no random number: {cause}")))?;
    Ok(i64::try_from(chance >> 33).unwrap_or_default())
}
