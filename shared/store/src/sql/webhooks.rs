//! The port of webhooks on the ledger's database: one file for each group of its tables.

mod attempts;
mod deliveries;
mod endpoints;
mod resends;
mod stream;

use async_trait::async_trait;
use domain::text::Client;

use super::changes::version;
use super::reads;
use super::script::{Dialect, Script};
use super::session::{Database, Purpose, Session, SqlLedger};
use crate::error::StoreError;
use crate::failure::Failure;
use crate::webhooks::{
    AttemptRecord, Delivery, Disabled, Done, Endpoint, EndpointChange, NewDelivery, Read, Resend, Standing,
    Webhooks,
};

#[async_trait]
impl<D: Database> Webhooks for SqlLedger<D> {
    async fn version_of_endpoints(&self) -> Result<Option<String>, StoreError> {
        Ok(version(&mut reading(self).await?, "webhook_endpoints").await?)
    }

    async fn endpoints(&self, client: Option<&Client>) -> Result<Vec<Endpoint>, StoreError> {
        Ok(endpoints::all(&mut reading(self).await?, client).await?)
    }

    async fn endpoint(&self, id: &str) -> Result<Option<Endpoint>, StoreError> {
        Ok(endpoints::one(&mut reading(self).await?, id).await?)
    }

    async fn add_endpoint(&self, endpoint: &Endpoint) -> Result<(), StoreError> {
        Ok(endpoints::add(&mut writing(self).await?, endpoint).await?)
    }

    async fn change_endpoint(&self, id: &str, change: &EndpointChange<'_>) -> Result<(), StoreError> {
        Ok(endpoints::change(&mut writing(self).await?, id, change).await?)
    }

    async fn remove_endpoint(&self, id: &str) -> Result<(), StoreError> {
        Ok(endpoints::remove(&mut writing(self).await?, id).await?)
    }

    async fn hurry(&self, id: &str) -> Result<(), StoreError> {
        Ok(deliveries::hurry(&mut writing(self).await?, id).await?)
    }

    async fn place(&self) -> Result<Option<u64>, StoreError> {
        Ok(stream::place(&mut reading(self).await?).await?)
    }

    async fn forget_place(&self) -> Result<(), StoreError> {
        Ok(stream::forget_place(&mut writing(self).await?).await?)
    }

    async fn note_read(&self, read: &Read<'_>) -> Result<bool, StoreError> {
        Ok(stream::note_read(writing(self).await?, read).await?)
    }

    async fn note_caught_up(
        &self,
        endpoint: &str,
        deliveries: &[NewDelivery],
        behind_at: Option<u64>,
    ) -> Result<(), StoreError> {
        Ok(stream::note_caught_up(writing(self).await?, endpoint, deliveries, behind_at).await?)
    }

    async fn note_missed(&self, endpoint: Option<&str>) -> Result<(), StoreError> {
        Ok(stream::note_missed(&mut writing(self).await?, endpoint).await?)
    }

    async fn waiting(&self, endpoint: &str) -> Result<u64, StoreError> {
        Ok(deliveries::waiting(&mut reading(self).await?, endpoint).await?)
    }

    async fn due_endpoints(&self) -> Result<Vec<String>, StoreError> {
        Ok(deliveries::due(&mut reading(self).await?).await?)
    }

    async fn take(&self, wanted: &[(&str, u32)]) -> Result<Vec<Delivery>, StoreError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        Ok(deliveries::take(&mut writing(self).await?, wanted).await?)
    }

    async fn note_attempts(&self, done: &[Done]) -> Result<Vec<(String, Disabled)>, StoreError> {
        if done.is_empty() {
            return Ok(Vec::new());
        }
        Ok(attempts::note(writing(self).await?, done).await?)
    }

    async fn hand_back(&self, taken: &[Delivery]) -> Result<(), StoreError> {
        if taken.is_empty() {
            return Ok(());
        }
        Ok(deliveries::hand_back(&mut writing(self).await?, taken).await?)
    }

    async fn attempts(
        &self,
        endpoint: &str,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<(u64, AttemptRecord)>, StoreError> {
        Ok(attempts::list(&mut reading(self).await?, endpoint, before, limit).await?)
    }

    async fn prune_attempts(&self, endpoints: &[&str]) -> Result<(), StoreError> {
        let mut session = writing(self).await?;
        attempts::prune(&mut session, endpoints).await?;
        Ok(attempts::remove_orphans(&mut session).await?)
    }

    async fn add_resend(&self, resend: &Resend) -> Result<(), StoreError> {
        Ok(resends::add(&mut writing(self).await?, resend).await?)
    }

    async fn resends(&self) -> Result<Vec<(u64, Resend)>, StoreError> {
        Ok(resends::all(&mut reading(self).await?).await?)
    }

    async fn note_resent(
        &self,
        number: u64,
        deliveries: &[NewDelivery],
        place: Option<u64>,
    ) -> Result<(), StoreError> {
        Ok(resends::note(writing(self).await?, number, deliveries, place).await?)
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        Ok(endpoints::standing(&mut reading(self).await?).await?)
    }
}

async fn reading<D: Database>(ledger: &SqlLedger<D>) -> Result<D::Session, Failure> {
    ledger.database.session(Purpose::ReadingRecords).await
}

async fn writing<D: Database>(ledger: &SqlLedger<D>) -> Result<D::Session, Failure> {
    ledger.database.session(Purpose::WritingRecords).await
}

/// Runs one statement of which only the rows matter.
async fn rows<S: Session>(session: &mut S, script: Script) -> Result<Vec<S::Row>, Failure> {
    Ok(session.run(script).await?.pop().unwrap_or_default())
}

/// The time of the database.
async fn now<S: Session>(session: &mut S) -> Result<i64, Failure> {
    reads::now(session).await
}

/// ` FOR UPDATE`, where a database has locks of rows.
fn lock(script: &mut Script) -> &mut Script {
    let lock = match script.dialect() {
        Dialect::MySql => " FOR UPDATE",
        Dialect::Sqlite => "",
    };
    script.sql(lock)
}

fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
