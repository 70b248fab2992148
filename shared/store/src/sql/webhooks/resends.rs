//! Events that somebody wants to be sent once more.

use super::{rows, stream};
use crate::failure::Failure;
use crate::sql::rows::{Cells, count};
use crate::sql::script::{Script, Value};
use crate::sql::session::Session;
use crate::sql::statements::stored;
use crate::webhooks::{NewDelivery, Resend};

/// As many are worked on at a time.
const READ_MAX: i64 = 100;

pub(super) async fn add<S: Session>(session: &mut S, resend: &Resend) -> Result<(), Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("INSERT INTO webhook_resends (endpoint, event, since, until, place) VALUES (");
    script.list([
        Value::Text(&resend.endpoint),
        Value::from(resend.event.as_deref()),
        Value::Int(resend.since),
        Value::Int(resend.until),
        Value::from(resend.place.map(stored)),
    ]);
    script.sql(")");
    session.run(script).await.map(drop)
}

pub(super) async fn all<S: Session>(session: &mut S) -> Result<Vec<(u64, Resend)>, Failure> {
    let mut script = Script::new(S::DIALECT);
    // One of each endpoint that takes anything: nobody waits for those of a disabled one.
    script.sql(
        "SELECT r.number, r.endpoint, r.event, r.since, r.until, r.place FROM webhook_resends r \
         JOIN webhook_endpoints e ON e.id = r.endpoint WHERE e.disabled IS NULL \
         AND r.number = (SELECT MIN(o.number) FROM webhook_resends o WHERE o.endpoint = r.endpoint) \
         ORDER BY r.number LIMIT ",
    );
    script.value(READ_MAX);
    let resend = |row: &S::Row| {
        let resend = Resend {
            endpoint: row.text(1)?.to_owned(),
            event: row.text_or_null(2)?.map(str::to_owned),
            since: row.int(3)?,
            until: row.int(4)?,
            place: row.int_or_null(5)?.map(count).transpose()?,
        };
        Ok((count(row.int(0)?)?, resend))
    };
    rows(session, script).await?.iter().map(resend).collect()
}

pub(super) async fn note<S: Session>(
    session: S,
    number: u64,
    deliveries: &[NewDelivery],
    place: Option<u64>,
) -> Result<(), Failure> {
    let mut transaction = stream::opened(session).await?;
    let mut script = stream::add(&mut transaction, deliveries).await?;
    match place {
        Some(place) => script.sql("UPDATE webhook_resends SET place = ").value(stored(place)),
        None => script.sql("DELETE FROM webhook_resends"),
    };
    script.sql(" WHERE number = ").value(stored(number)).sql("; COMMIT");
    transaction.finish(script).await
}
