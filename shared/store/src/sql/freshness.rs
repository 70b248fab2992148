//! How far a replica is behind: a mark that workers set on the primary each second, and that a replica shows once
//! it has all that was committed before. (An idle ledger has no newer job, and is fresh all the same.)

use crate::failure::Failure;
use crate::ledger::entry_range::Freshness;
use crate::sql::rows::Cells;
use crate::sql::script::Script;
use crate::sql::session::Session;

/// Sets the mark to `now`, in microseconds since the Unix epoch. MySQL and MariaDB only: no other has replicas.
pub(super) async fn mark<S: Session>(session: &mut S, now: i64) -> Result<(), Failure> {
    let now = now.to_string();
    let mut script = Script::new(S::DIALECT);
    script.sql("INSERT INTO settings (name, value) VALUES ('present', ").value(now.as_str());
    script.sql(") ON DUPLICATE KEY UPDATE value = ").value(now.as_str());
    session.run(script).await.map(drop)
}

/// What the mark says here.
pub(super) async fn read<S: Session>(session: &mut S) -> Result<Freshness, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT value FROM settings WHERE name = 'present'");
    let found = session.run(script).await?.pop().unwrap_or_default();
    let Some(row) = found.first() else { return Ok(Freshness::Unknown) };
    let mark = row.text(0)?;
    mark.parse().map(Freshness::AsOf).map_err(|_| Failure::unreadable("mark of the present", mark))
}
