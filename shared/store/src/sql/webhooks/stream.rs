//! The place up to which the stream was read, and the deliveries that came of it.
//!
//! Whoever adds or removes deliveries of an endpoint holds the lock on the endpoint's row: so the oldest delivery of each
//! account is known, and it alone is due.

use std::collections::{BTreeMap, BTreeSet};

use super::{deliveries, lock, rows};
use crate::failure::Failure;
use crate::sql::posting::SqlTransaction;
use crate::sql::rows::{Cells, count};
use crate::sql::script::{Script, Value};
use crate::sql::session::Session;
use crate::sql::statements::{begin, select_now, stored};
use crate::sql::{rows as cells, webhooks};
use crate::webhooks::{NewDelivery, Read};

/// Deliveries of one packet.
const ROWS_MAX: usize = 500;

pub(super) async fn place<S: Session>(session: &mut S) -> Result<Option<u64>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT place FROM webhook_place WHERE one = 1");
    let found = rows(session, script).await?;
    found.first().map(|row| count(row.int(0)?)).transpose()
}

pub(super) async fn forget_place<S: Session>(session: &mut S) -> Result<(), Failure> {
    let mut script = Script::new(S::DIALECT);
    // A worker may know less of the endpoints than there is.
    script.sql(
        "DELETE FROM webhook_place WHERE one = 1 \
         AND NOT EXISTS (SELECT 1 FROM webhook_endpoints WHERE disabled IS NULL)",
    );
    session.run(script).await.map(drop)
}

pub(super) async fn note_missed<S: Session>(session: &mut S, endpoint: Option<&str>) -> Result<(), Failure> {
    let now = webhooks::now(session).await?;
    let mut script = Script::new(S::DIALECT);
    script.sql("UPDATE webhook_endpoints SET missed_at = ").value(now);
    match endpoint {
        Some(endpoint) => script.sql(" WHERE id = ").value(endpoint),
        None => script.sql(" WHERE disabled IS NULL"),
    };
    session.run(script).await.map(drop)
}

pub(super) async fn note_read<S: Session>(session: S, read: &Read<'_>) -> Result<bool, Failure> {
    let mut transaction = SqlTransaction::new(session);
    let mut script = Script::new(S::DIALECT);
    begin(&mut script);
    if read.from.is_none() {
        // Nobody waits for whoever comes second: the row is there, and says another place.
        script.insert_ignore().sql("webhook_place (one, place) VALUES (1, -1); ");
    }
    lock(script.sql("SELECT place FROM webhook_place WHERE one = 1"));
    let found = transaction.run(script).await?.pop().unwrap_or_default();
    let kept = found.first().map(|row| row.int(0)).transpose()?;
    if kept != Some(read.from.map_or(-1, stored)) {
        let mut script = Script::new(S::DIALECT);
        script.sql("ROLLBACK");
        transaction.finish(script).await?;
        return Ok(false);
    }
    let mut script = add(&mut transaction, read.deliveries).await?;
    for (endpoint, behind_at) in read.behind {
        script.sql("UPDATE webhook_endpoints SET behind_at = ").value(stored(*behind_at));
        script.sql(" WHERE id = ").value(endpoint.as_str()).sql("; ");
    }
    script.sql("UPDATE webhook_place SET place = ").value(stored(read.to)).sql(" WHERE one = 1; COMMIT");
    transaction.finish(script).await?;
    Ok(true)
}

pub(super) async fn note_caught_up<S: Session>(
    session: S,
    endpoint: &str,
    deliveries: &[NewDelivery],
    behind_at: Option<u64>,
) -> Result<(), Failure> {
    let mut transaction = opened(session).await?;
    let mut script = add(&mut transaction, deliveries).await?;
    script.sql("UPDATE webhook_endpoints SET behind_at = ").value(behind_at.map(stored));
    script.sql(" WHERE id = ").value(endpoint).sql("; COMMIT");
    transaction.finish(script).await
}

/// A transaction, begun.
pub(super) async fn opened<S: Session>(session: S) -> Result<SqlTransaction<S>, Failure> {
    let mut transaction = SqlTransaction::new(session);
    let mut script = Script::new(S::DIALECT);
    begin(&mut script);
    script.sql("SELECT 1");
    transaction.run(script).await?;
    Ok(transaction)
}

/// Adds deliveries within a transaction, for the endpoints that are there. Returns what has to be run before its end.
pub(super) async fn add<S: Session>(
    transaction: &mut SqlTransaction<S>,
    new: &[NewDelivery],
) -> Result<Script, Failure> {
    if new.is_empty() {
        return Ok(Script::new(S::DIALECT));
    }
    let endpoints: BTreeSet<_> = new.iter().map(|delivery| delivery.endpoint.as_str()).collect();
    let mut script = Script::new(S::DIALECT);
    select_now(&mut script);
    lock_endpoints(&mut script, endpoints);
    let mut found = transaction.run(script).await?.into_iter();
    let now = cells::now(&found.next().unwrap_or_default())?;
    let known = found.next().unwrap_or_default();
    let known = known.iter().map(|row| row.text(0)).collect::<Result<BTreeSet<_>, _>>()?;

    let mut accounts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let there: Vec<_> = new.iter().filter(|delivery| known.contains(delivery.endpoint.as_str())).collect();
    if there.is_empty() {
        return Ok(Script::new(S::DIALECT));
    }
    for some in there.chunks(ROWS_MAX) {
        let mut script = Script::new(S::DIALECT);
        script.insert_ignore();
        script.sql(
            "webhook_deliveries (endpoint, event, type, account, body, attempts, due_at, lease) VALUES ",
        );
        script.rows(some.iter().map(|delivery| {
            accounts.entry(&delivery.endpoint).or_default().insert(&delivery.account);
            [
                Value::Text(&delivery.endpoint),
                Value::Text(&delivery.event),
                Value::Text(&delivery.event_type),
                Value::Text(&delivery.account),
                Value::Text(&delivery.body),
                Value::Int(0),
                Value::Null,
                Value::Null,
            ]
        }));
        transaction.run(script).await?;
    }
    let oldest = oldest(transaction, &accounts).await?;
    let mut script = Script::new(S::DIALECT);
    deliveries::make_due(&mut script, &oldest, now);
    Ok(script)
}

/// Locks the rows of endpoints, in their order; `SELECT id, failing_since, disabled`.
pub(super) fn lock_endpoints<'a>(script: &mut Script, ids: impl IntoIterator<Item = &'a str>) {
    script.sql("SELECT id, failing_since, disabled FROM webhook_endpoints WHERE id IN (").list(ids);
    lock(script.sql(") ORDER BY id")).sql("; ");
}

/// The oldest delivery of each account.
pub(super) async fn oldest<S: Session>(
    transaction: &mut SqlTransaction<S>,
    accounts: &BTreeMap<&str, BTreeSet<&str>>,
) -> Result<Vec<i64>, Failure> {
    let mut script = Script::new(S::DIALECT);
    for (endpoint, accounts) in accounts {
        script.sql("SELECT MIN(number) FROM webhook_deliveries WHERE endpoint = ").value(*endpoint);
        script.sql(" AND account IN (").list(accounts.iter().copied()).sql(") GROUP BY account; ");
    }
    let found = transaction.run(script).await?;
    found.iter().flatten().map(|row| row.int(0)).collect()
}
