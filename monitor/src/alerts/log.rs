//! What fired: kept through the records, and in memory for the answers. While the database is away the
//! changes wait, as many as there is room for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use store::records::{Record, RecordKind, Records};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Change;
use crate::views::alerts::AlertRecord;

/// Alerts that are shown, newest first.
pub(crate) const SHOWN_MAX: usize = 100;
/// Among the newest so many are those that fired when the monitor ended.
const READ_MAX: u32 = 500;
/// Alerts are kept for so long.
const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 3_600);
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_AFTER: Duration = Duration::from_secs(3);

/// The alerts that fired, newest first.
#[derive(Debug, Default, Clone)]
pub(crate) struct Log {
    records: VecDeque<AlertRecord>,
}

impl Log {
    /// Adds what fired, or completes it with its end.
    pub(crate) fn note(&mut self, change: &Change) {
        let same = |kept: &&mut AlertRecord| is_same(kept, &change.record);
        match self.records.iter_mut().find(same) {
            Some(kept) => *kept = change.record.clone(),
            None => self.records.push_front(change.record.clone()),
        }
        self.records.truncate(SHOWN_MAX);
    }

    /// Puts what was kept behind what is new.
    pub(crate) fn join(&mut self, kept: impl IntoIterator<Item = AlertRecord>) {
        for record in kept {
            if !self.records.iter().any(|known| is_same(known, &record)) {
                self.records.push_back(record);
            }
        }
        self.records.truncate(SHOWN_MAX);
    }

    pub(crate) fn records(&self) -> Vec<AlertRecord> {
        self.records.iter().cloned().collect()
    }
}

fn is_same(one: &AlertRecord, other: &AlertRecord) -> bool {
    one.alert == other.alert && one.fired_at == other.fired_at
}

/// Reads what was kept, newest first, each with its number; asks again until the database answers.
async fn read(records: &dyn Records, shutdown: &CancellationToken) -> Option<Vec<(AlertRecord, u64)>> {
    let numbered = |record: &Record| Some((serde_json::from_str(&record.body).ok()?, record.number));
    loop {
        match tokio::time::timeout(WRITE_TIMEOUT, records.list(RecordKind::Alert, None, READ_MAX)).await {
            Ok(Ok(kept)) => return Some(kept.iter().filter_map(numbered).collect()),
            Ok(Err(error)) => info!(%error, "earlier alerts cannot be read yet"),
            Err(_) => info!("earlier alerts cannot be read yet: no answer"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return None,
            () = tokio::time::sleep(RETRY_AFTER) => {}
        }
    }
}

/// Reads what was kept into the log and tells `resume` what had no end, newest first; then writes every change
/// until `shutdown`, in order. One that cannot be written is tried again.
pub(crate) async fn keep(
    records: Arc<dyn Records>,
    log: Arc<Mutex<Log>>,
    resume: oneshot::Sender<Vec<AlertRecord>>,
    mut changes: mpsc::Receiver<Change>,
    shutdown: CancellationToken,
) {
    let Some(kept) = read(records.as_ref(), &shutdown).await else { return };
    log.lock().unwrap_or_else(PoisonError::into_inner).join(kept.iter().map(|(record, _)| record.clone()));
    // Numbers of those that fire, to complete them with their ends.
    let mut open: Vec<(AlertRecord, u64)> =
        kept.into_iter().filter(|(record, _)| record.resolved_at.is_none()).collect();
    // Nobody receives it: the monitor ends.
    let _ = resume.send(open.iter().map(|(record, _)| record.clone()).collect());
    loop {
        let change = tokio::select! {
            () = shutdown.cancelled() => return,
            change = changes.recv() => change,
        };
        let Some(change) = change else { return };
        while let Err(why) = write(records.as_ref(), &change, &mut open).await {
            warn!(alert = change.record.alert, %why, "an alert could not be recorded; the monitor tries again");
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(RETRY_AFTER) => {}
            }
        }
    }
}

async fn write(
    records: &dyn Records,
    change: &Change,
    open: &mut Vec<(AlertRecord, u64)>,
) -> Result<(), String> {
    let body = serde_json::to_string(&change.record).map_err(|error| error.to_string())?;
    let at = change.record.fired_at.as_microsecond();
    let number = open.iter().find(|(record, _)| is_same(record, &change.record)).map(|(_, number)| *number);
    let written = async {
        match number {
            Some(number) => records.replace(number, &body).await.map(|()| number),
            None => records.append(RecordKind::Alert, at, &body).await,
        }
    };
    let written = tokio::time::timeout(WRITE_TIMEOUT, written).await;
    let number = written.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())?;
    open.retain(|(record, _)| !is_same(record, &change.record));
    if change.fired {
        open.push((change.record.clone(), number));
        let old = Timestamp::now().checked_sub(KEPT_FOR).unwrap_or_default().as_microsecond();
        // What is left over goes the next time.
        let _ = tokio::time::timeout(WRITE_TIMEOUT, records.prune(RecordKind::Alert, old)).await;
    }
    Ok(())
}
