//! The settings that were changed before this worker came. It takes no lane before it knows them: a lane that somebody has
//! paused stays paused however many workers start anew.

use std::time::Duration;

use contract::settings::SettingsMessage;
use store::StoreError;
use store::records::{Record, RecordKind, Records};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::context::Shared;
use crate::lane::retry_delays;

/// A database that answers does so within this time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads what was kept last and runs with it. While the database does not answer, nothing can be posted anyway: it is asked
/// again, until `shutdown`.
pub(crate) async fn take_over(shared: &Shared, shutdown: &CancellationToken) {
    let Some(records) = &shared.parts.records else { return };
    let mut delays = retry_delays();
    let mut reported = false;
    loop {
        let newest = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            newest = newest(&**records) => newest,
        };
        match newest {
            Ok(record) => return apply(shared, record),
            Err(error @ StoreError::RightMissing(_)) => {
                return warn!(%error, "changes of settings are taken over from the monitor only: apply deploy/mysql/grants.sql");
            }
            Err(error) if !reported => {
                warn!(%error, "the worker takes no lane before it has read the settings; trying again");
                reported = true;
            }
            Err(_) => {}
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(delays.next().unwrap_or_default()) => {}
        }
    }
}

async fn newest(records: &dyn Records) -> Result<Option<Record>, StoreError> {
    let asked = records.list(RecordKind::Settings, None, 1);
    match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
        Ok(found) => Ok(found?.into_iter().next()),
        Err(_) => {
            Err(StoreError::Transient(format!("the database did not answer within {ANSWER_TIMEOUT:?}")))
        }
    }
}

fn apply(shared: &Shared, record: Option<Record>) {
    let Some(record) = record else { return };
    match SettingsMessage::of_kept(record.number, &record.body) {
        Ok(message) => shared.parts.instruments.settings.apply(&message),
        Err(error) => {
            warn!(version = record.number, %error, "the kept settings cannot be read; the monitor repeats them")
        }
    }
}
