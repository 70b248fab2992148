//! What waits to be sent: found, taken, handed back.

use std::collections::BTreeSet;

use super::{micros, now, rows};
use crate::failure::Failure;
use crate::sql::changes::chance;
use crate::sql::rows::{Cells, count};
use crate::sql::script::Script;
use crate::sql::session::Session;
use crate::sql::statements::stored;
use crate::webhooks::{Delivery, LEASE, NewDelivery};

pub(super) async fn waiting<S: Session>(session: &mut S, endpoint: &str) -> Result<u64, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT COUNT(*) FROM webhook_deliveries WHERE endpoint = ").value(endpoint);
    let found = rows(session, script).await?;
    found.first().map_or(Ok(0), |row| count(row.int(0)?))
}

/// One entry of the index for each endpoint, whatever waits for it.
pub(super) async fn due<S: Session>(session: &mut S) -> Result<Vec<String>, Failure> {
    let now = now(session).await?;
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT endpoint, MIN(due_at) FROM webhook_deliveries GROUP BY endpoint");
    let found = rows(session, script).await?;
    let is_due = |row: &&S::Row| row.int_or_null(1).is_ok_and(|at| at.is_some_and(|at| at <= now));
    found.iter().filter(is_due).map(|row| row.text(0).map(str::to_owned)).collect()
}

/// Looks, and then takes what nobody else has taken meanwhile.
pub(super) async fn take<S: Session>(
    session: &mut S,
    wanted: &[(&str, u32)],
) -> Result<Vec<Delivery>, Failure> {
    let (now, lease) = (now(session).await?, chance()?);
    let mut script = Script::new(S::DIALECT);
    for (endpoint, most) in wanted {
        script.sql("SELECT number, endpoint, event, type, account, body, attempts FROM webhook_deliveries");
        script.sql(" WHERE endpoint = ").value(*endpoint).sql(" AND due_at <= ").value(now);
        script.sql(" ORDER BY due_at, number LIMIT ").value(i64::from(*most)).sql("; ");
    }
    let found = session.run(script).await?;
    let found = found.iter().flatten().map(|row| delivery(row, lease)).collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() {
        return Ok(found);
    }
    let numbers = || found.iter().map(|delivery| stored(delivery.number));
    let mut script = Script::new(S::DIALECT);
    script.sql("UPDATE webhook_deliveries SET due_at = ").value(now.saturating_add(micros(LEASE)));
    script.sql(", lease = ").value(lease).sql(" WHERE number IN (").list(numbers());
    script.sql(") AND due_at <= ").value(now);
    script.sql("; SELECT number FROM webhook_deliveries WHERE number IN (").list(numbers());
    script.sql(") AND lease = ").value(lease);
    let taken = rows(session, script).await?;
    let taken = taken.iter().map(|row| count(row.int(0)?)).collect::<Result<BTreeSet<_>, _>>()?;
    Ok(found.into_iter().filter(|delivery| taken.contains(&delivery.number)).collect())
}

pub(super) async fn hand_back<S: Session>(session: &mut S, taken: &[Delivery]) -> Result<(), Failure> {
    let now = now(session).await?;
    let mut script = Script::new(S::DIALECT);
    for delivery in taken {
        script.sql("UPDATE webhook_deliveries SET lease = NULL, due_at = ").value(now);
        script.sql(" WHERE number = ").value(stored(delivery.number));
        script.sql(" AND lease = ").value(delivery.lease).sql("; ");
    }
    session.run(script).await.map(drop)
}

pub(super) async fn hurry<S: Session>(session: &mut S, endpoint: &str) -> Result<(), Failure> {
    let now = now(session).await?;
    let mut script = Script::new(S::DIALECT);
    script.sql("UPDATE webhook_deliveries SET due_at = ").value(now);
    script.sql(" WHERE lease IS NULL AND endpoint = ").value(endpoint).sql(" AND due_at > ").value(now);
    session.run(script).await.map(drop)
}

/// `UPDATE …; `: these are the oldest of their accounts now. One that is already stays as it is.
pub(super) fn make_due(script: &mut Script, oldest: &[i64], now: i64) {
    if oldest.is_empty() {
        return;
    }
    script
        .sql("UPDATE webhook_deliveries SET due_at = ")
        .value(now)
        .sql(" WHERE due_at IS NULL AND number IN (");
    script.list(oldest.iter().copied()).sql("); ");
}

fn delivery(row: &impl Cells, lease: i64) -> Result<Delivery, Failure> {
    let text = |place| Ok::<_, Failure>(row.text(place)?.to_owned());
    let new = NewDelivery {
        endpoint: text(1)?,
        event: text(2)?,
        event_type: text(3)?,
        account: text(4)?,
        body: text(5)?,
    };
    let attempts =
        u32::try_from(row.int(6)?).map_err(|_| Failure::unreadable("number of attempts", &new.event))?;
    Ok(Delivery { number: count(row.int(0)?)?, new, attempts, lease })
}
