//! The audit log's port on the ledger's database.

use async_trait::async_trait;

use super::rows::{Cells, count};
use super::script::{Script, Value};
use super::session::{Database, Purpose, Session, SqlLedger};
use super::statements::stored;
use crate::audit_log::{AuditEvent, AuditLog};
use crate::error::StoreError;
use crate::failure::Failure;

#[async_trait]
impl<D: Database> AuditLog for SqlLedger<D> {
    async fn add_to_audit_log(&self, events: &[AuditEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut script = Script::new(D::Session::DIALECT);
        script.sql(
            "INSERT INTO audit_log (at, action, client, key_id, address, request_id, times, detail) VALUES ",
        );
        script.rows(events.iter().map(|event| {
            [
                Value::Int(event.at),
                Value::Text(&event.action),
                Value::from(event.client.as_deref()),
                Value::from(event.key.as_deref()),
                Value::from(event.address.as_deref()),
                Value::from(event.request_id.as_deref()),
                Value::Int(stored(event.times)),
                Value::Text(&event.detail),
            ]
        }));
        self.database.session(Purpose::WritingRecords).await?.run(script).await?;
        Ok(())
    }

    async fn audit_log(&self, before: Option<u64>, limit: u32) -> Result<Vec<(u64, AuditEvent)>, StoreError> {
        let mut session = self.database.session(Purpose::ReadingRecords).await?;
        let mut script = Script::new(D::Session::DIALECT);
        script.sql(
            "SELECT number, at, action, client, key_id, address, request_id, times, detail FROM audit_log WHERE number < ",
        );
        script.value(before.map_or(i64::MAX, stored));
        script.sql(" ORDER BY number DESC LIMIT ").value(i64::from(limit));
        let rows = session.run(script).await?.pop().unwrap_or_default();
        Ok(rows.iter().map(event).collect::<Result<_, _>>()?)
    }
}

fn event(row: &impl Cells) -> Result<(u64, AuditEvent), Failure> {
    let text = |place| Ok::<_, Failure>(row.text_or_null(place)?.map(str::to_owned));
    let event = AuditEvent {
        at: row.int(1)?,
        action: row.text(2)?.to_owned(),
        client: text(3)?,
        key: text(4)?,
        address: text(5)?,
        request_id: text(6)?,
        times: count(row.int(7)?)?,
        detail: row.text(8)?.to_owned(),
    };
    Ok((count(row.int(0)?)?, event))
}
