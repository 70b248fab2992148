//! Keeps the history in the records, a chunk of seconds at a time, and reads it at the start. While the
//! database is away the points wait, as many as an answer would show.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use store::records::{RecordKind, Records};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{History, MINUTES_KEPT, SECONDS_KEPT};
use crate::views::history::Point;

/// Seconds in one record.
const CHUNK_SECONDS: usize = 5;
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_AFTER: Duration = Duration::from_secs(3);

/// A point that is to be kept.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    Second(Point),
    Minute(Point),
}

/// Reads what an earlier monitor kept and joins it to `history`, then writes what comes, until `shutdown`.
pub(crate) async fn keep(
    records: Arc<dyn Records>,
    history: Arc<Mutex<History>>,
    mut points: mpsc::Receiver<Kept>,
    shutdown: CancellationToken,
) {
    let mut store = Store { records, seconds: VecDeque::new(), minutes: VecDeque::new(), away: false };
    let mut read = false;
    let mut look = tokio::time::interval(RETRY_AFTER);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut prune = tokio::time::interval(PRUNE_INTERVAL);
    prune.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return store.last_write().await,
            Some(point) = points.recv() => store.take(point),
            _ = look.tick() => {
                if !read {
                    read = store.read(&history).await;
                }
                store.write(CHUNK_SECONDS).await;
            }
            _ = prune.tick() => store.prune().await,
        }
    }
}

struct Store {
    records: Arc<dyn Records>,
    seconds: VecDeque<Point>,
    minutes: VecDeque<Point>,
    /// The database did not answer the last time: logged once, not every few seconds.
    away: bool,
}

impl Store {
    fn take(&mut self, point: Kept) {
        match point {
            Kept::Second(point) => self.seconds.push_back(point),
            Kept::Minute(point) => self.minutes.push_back(point),
        }
        // What would be pruned at once need not be written.
        while self.seconds.len() > SECONDS_KEPT {
            self.seconds.pop_front();
        }
        while self.minutes.len() > MINUTES_KEPT {
            self.minutes.pop_front();
        }
    }

    async fn read(&mut self, history: &Mutex<History>) -> bool {
        let now = Timestamp::now().as_second();
        let chunks = u32::try_from(SECONDS_KEPT).unwrap_or(u32::MAX);
        let minutes = u32::try_from(MINUTES_KEPT).unwrap_or(u32::MAX);
        let read = async {
            tokio::try_join!(
                self.records.list(RecordKind::Seconds, None, chunks),
                self.records.list(RecordKind::Minutes, None, minutes)
            )
        };
        match answer(read).await {
            Ok((seconds, minutes)) => {
                let seconds = seconds.iter().flat_map(|record| points(&record.body)).collect();
                let minutes = minutes.iter().flat_map(|record| points(&record.body)).collect();
                history.lock().unwrap_or_else(PoisonError::into_inner).join(seconds, minutes, now);
                true
            }
            Err(why) => {
                info!(%why, "the earlier history cannot be read yet");
                false
            }
        }
    }

    /// Writes what there is, once there are so many seconds.
    async fn write(&mut self, seconds_min: usize) {
        if self.seconds.len() >= seconds_min && !self.seconds.is_empty() {
            let chunk: Vec<Point> = self.seconds.iter().cloned().collect();
            if !self.append(RecordKind::Seconds, &chunk).await {
                return;
            }
            // None came meanwhile: this task alone takes them.
            self.seconds.clear();
        }
        while let Some(minute) = self.minutes.front().cloned() {
            if !self.append(RecordKind::Minutes, &[minute]).await {
                return;
            }
            self.minutes.pop_front();
        }
    }

    async fn append(&mut self, kind: RecordKind, points: &[Point]) -> bool {
        let (Some(last), Ok(body)) = (points.last(), serde_json::to_string(points)) else { return true };
        let appended = answer(self.records.append(kind, last.at * 1_000_000, &body)).await;
        match &appended {
            Ok(_) => self.away = false,
            Err(why) if !self.away => {
                warn!(%why, "the history cannot be written; it waits in memory");
                self.away = true;
            }
            Err(_) => {}
        }
        appended.is_ok()
    }

    async fn prune(&mut self) {
        if self.away {
            return;
        }
        let now = Timestamp::now().as_microsecond();
        let span = |seconds: usize| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let both = async {
            tokio::try_join!(
                self.records.prune(RecordKind::Seconds, now - span(SECONDS_KEPT)),
                self.records.prune(RecordKind::Minutes, now - span(60 * MINUTES_KEPT))
            )
        };
        // What is left over goes with the next minute.
        let _ = answer(both).await;
    }

    /// What has not been written yet, so that the next monitor has no gap.
    async fn last_write(mut self) {
        if !self.away {
            self.write(1).await;
        }
    }
}

fn points(body: &str) -> Vec<Point> {
    serde_json::from_str(body).unwrap_or_default()
}

async fn answer<T, E: ToString>(asked: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
        Ok(answered) => answered.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the database did not answer within {ANSWER_TIMEOUT:?}")),
    }
}
