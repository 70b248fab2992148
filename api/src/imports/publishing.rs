//! Putting the rows of a file on the lanes, in order, and writing down how far that has come.
//!
//! Each lane takes at most one envelope's worth of an import at a time. So rows of one lane keep their order
//! whatever fails, single jobs never wait behind more than that in their lane's line, and a lane that takes
//! nothing stops the reading once the window is full.

mod flight;
mod share;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::job::Origin;
use domain::lane::Lane;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use queue::{BATCH_JOBS_MAX, PublishError};
use store::StoreError;
use store::imports::{ImportState, Imports, Progress, Refusal, Standing};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use self::flight::{InFlight, LaneRows, Waiting, send};
pub(super) use self::share::ClientShare;
use super::reading::{CHUNK_ROWS_MAX, Chunk, ReadRow};
use super::window::{Mark, Window};
use crate::context::Ingress;

/// Rows that were read and are neither queued nor written down as refused.
const WINDOW_ROWS: usize = 4 * CHUNK_ROWS_MAX;
/// How often it is written down how far an import has come.
pub(super) const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// Refused rows that are written down at once, and at once when there are as many.
const REFUSALS_AT_ONCE: usize = 200;
/// Bytes of them: a row may have 64 KiB, and a statement has to fit into a packet.
const REFUSAL_BYTES_AT_ONCE: usize = 1 << 20;
/// What is said of an import whose lanes take nothing.
const QUEUE_AWAY: &str = "waits for the queue: ";
/// The same where outcomes cannot be counted.
const LEDGER_AWAY: &str = "waits for the ledger: ";
/// How often outcomes are counted while many are missing.
const COUNT_EVERY: Duration = Duration::from_millis(100);
/// First pause of a lane that did not take its rows; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// How publishing ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// All that was read is queued or refused, and that is written down.
    Complete,
    /// Its client wants it to stop; how far it came is written down.
    Cancelled,
    /// Its key was revoked; how far it came is written down.
    Revoked,
    /// It belongs to another replica now.
    Lost,
    /// The database refuses for good what is to be written down; why.
    Refused(String),
    /// This replica stops.
    Stopped,
}

/// An import on its way to the lanes.
pub(super) struct Publishing {
    ingress: Arc<Ingress>,
    number: u64,
    dry_run: bool,
    lanes: Vec<LaneRows>,
    window: Window,
    /// It was written down since it was taken up, so it is ours and wanted; no row is queued before.
    is_ours: bool,
    in_flight: FuturesUnordered<InFlight>,
    refusals: VecDeque<Refusal>,
    /// Rows that have an outcome, when they were last counted.
    settled: u64,
    counting: Option<Counting>,
    count_due: Instant,
    checkpoint: Option<Checkpoint>,
    checkpoint_due: Instant,
    share: ClientShare,
    /// The ledger was away: it is not asked before.
    ledger_pause_until: Instant,
    pub progress: Progress,
}

type Counting = Pin<Box<dyn Future<Output = Result<u64, StoreError>> + Send>>;
type Writing = Pin<Box<dyn Future<Output = (Result<Standing, StoreError>, Vec<Refusal>)> + Send>>;

struct Checkpoint {
    writing: Writing,
    /// What is written, once it is.
    progress: Progress,
}

impl Publishing {
    /// Goes on after what `progress` says.
    pub fn new(
        ingress: Arc<Ingress>,
        number: u64,
        dry_run: bool,
        share: ClientShare,
        progress: Progress,
    ) -> Publishing {
        let lanes = usize::from(ingress.parts.lanes.count());
        let last = Mark {
            row: progress.read_to,
            accepted: progress.accepted,
            refused: progress.refused,
            bytes_read: progress.bytes_read,
        };
        Publishing {
            ingress,
            number,
            dry_run,
            lanes: std::iter::repeat_with(LaneRows::default).take(lanes).collect(),
            window: Window::after(last),
            is_ours: false,
            settled: 0,
            counting: None,
            count_due: Instant::now(),
            in_flight: FuturesUnordered::new(),
            refusals: VecDeque::new(),
            checkpoint: None,
            checkpoint_due: Instant::now(),
            share,
            ledger_pause_until: Instant::now(),
            progress,
        }
    }

    /// Takes all that is read, until there is no more of it.
    pub async fn run(&mut self, chunks: &mut mpsc::Receiver<Chunk>) -> Ended {
        let shutdown = self.ingress.shutdown.clone();
        let mut all_read = false;
        loop {
            // The head of the file may be left alone.
            let is_written = self.refusals.is_empty() && self.checkpoint.is_none();
            if all_read && self.window.len() == 0 && is_written {
                return Ended::Complete;
            }
            if self.share.is_revoked(&self.ingress) && self.checkpoint.is_none() {
                return Ended::Revoked;
            }
            let wake_at = self.start_what_is_due(all_read);
            tokio::select! {
                () = shutdown.cancelled() => return Ended::Stopped,
                chunk = chunks.recv(), if !all_read && self.has_room() => match chunk {
                    Some(chunk) => self.take(chunk),
                    None => all_read = true,
                },
                Some((lane, sent, results)) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                    self.settle(lane, sent, results);
                }
                (written, refusals) = written(&mut self.checkpoint) => {
                    if let Some(ended) = self.written(written, refusals) {
                        return ended;
                    }
                }
                counted = ready(&mut self.counting) => self.counted_settled(counted),
                () = sleep_until(wake_at) => {}
            }
        }
    }

    /// More may be read: neither here nor in the lanes is more of this import than may be.
    fn has_room(&self) -> bool {
        self.share.more_at().is_none() && self.window.len() < WINDOW_ROWS && self.ahead() < self.ahead_max()
    }

    fn ahead_max(&self) -> u64 {
        self.ingress.imports.config.ahead_rows_max
    }

    /// Rows that were read and have no outcome, as far as is known.
    fn ahead(&self) -> u64 {
        if self.dry_run { 0 } else { self.window.last.accepted.saturating_sub(self.settled) }
    }

    fn counted_settled(&mut self, counted: Result<u64, StoreError>) {
        self.counting = None;
        self.count_due = Instant::now() + COUNT_EVERY;
        match counted {
            Ok(settled) => {
                self.settled = settled;
                self.progress.remark.take_if(|why| why.starts_with(LEDGER_AWAY));
                let waits = "waits until the queued rows are posted";
                if self.ahead() >= self.ahead_max() {
                    self.progress.remark.get_or_insert_with(|| waits.to_owned());
                } else if self.progress.remark.as_deref() == Some(waits) {
                    self.progress.remark = None;
                }
            }
            Err(error) => self.progress.remark = Some(format!("{LEDGER_AWAY}{error}")),
        }
    }

    fn take(&mut self, chunk: Chunk) {
        if !self.dry_run {
            self.share.count(&self.ingress.admission, chunk.rows.len());
        }
        self.refusals.extend(chunk.head);
        for row in chunk.rows {
            match row {
                ReadRow::Job { row, lane, message, claim } => {
                    self.window.take(row, false);
                    match self.lanes.get_mut(usize::from(lane.0)).filter(|_| !self.dry_run) {
                        Some(rows) => {
                            let origin = Origin { import: self.number, row };
                            rows.waiting.push_back(Waiting { message, origin, claim });
                        }
                        None => self.window.done(row),
                    }
                }
                ReadRow::Refused(refusal) => {
                    self.window.take(refusal.row, true);
                    self.refusals.push_back(refusal);
                }
            }
        }
        self.window.last.bytes_read = chunk.bytes_read;
    }

    /// Sends what lanes are ready for, writes down what it is time for, and tells when to look again.
    fn start_what_is_due(&mut self, all_read: bool) -> Instant {
        let now = Instant::now();
        let mut wake_at = self.share.more_at().unwrap_or(now + CHECKPOINT_EVERY).min(now + CHECKPOINT_EVERY);
        for (number, lane) in (0..).zip(&mut self.lanes) {
            match lane.resume_at {
                Some(resume_at) if resume_at > now => wake_at = wake_at.min(resume_at),
                _ if lane.busy || lane.waiting.is_empty() || !self.is_ours => {}
                _ => {
                    lane.busy = true;
                    let fitting = lane.waiting.len().min(BATCH_JOBS_MAX);
                    let sent: Vec<_> = lane.waiting.drain(..fitting).collect();
                    self.share.sends(&self.ingress.admission, Lane(number), sent.len());
                    self.in_flight.push(send(self.ingress.parts.publisher.clone(), Lane(number), sent));
                }
            }
        }
        if self.counting.is_none() && self.ahead() > self.ahead_max() / 2 {
            if self.count_due <= now {
                self.counting = Some(count_settled(self.ingress.parts.imports.clone(), self.number));
            } else {
                wake_at = wake_at.min(self.count_due);
            }
        }
        if self.checkpoint.is_none() {
            let many = self.refusals.len() >= REFUSALS_AT_ONCE || (all_read && !self.refusals.is_empty());
            let due = if many { self.ledger_pause_until } else { self.checkpoint_due };
            if due <= now {
                self.start_checkpoint(now);
            } else {
                wake_at = wake_at.min(due);
            }
        }
        wake_at
    }

    fn settle(&mut self, lane: Lane, sent: Vec<Waiting>, results: Vec<Result<Timestamp, PublishError>>) {
        let Some(rows) = self.lanes.get_mut(usize::from(lane.0)) else { return };
        rows.busy = false;
        let count = sent.len() as u64;
        let (mut failed, mut why) = (Vec::new(), None);
        for (row, result) in sent.into_iter().zip(results) {
            match result {
                Ok(_) => {
                    self.window.done(row.origin.row);
                    if let Some((id, body)) = row.claim {
                        self.ingress.recent.claim(id, body);
                    }
                }
                Err(error) => {
                    why = Some(error);
                    failed.push(row);
                }
            }
        }
        let refused = failed.len() as u64;
        self.ingress.admission.note(count - refused, refused);
        for row in failed.into_iter().rev() {
            rows.waiting.push_front(row);
        }
        match why {
            None => (rows.resume_at, rows.pause) = (None, Duration::ZERO),
            Some(error) => {
                rows.pause = (rows.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
                rows.resume_at = Some(Instant::now() + rows.pause);
                tracing::debug!(import = self.number, %lane, %error, retry_in = ?rows.pause, "rows wait");
                self.progress.remark = Some(format!("{QUEUE_AWAY}{error}"));
            }
        }
        let waits_for_the_queue = self.lanes.iter().any(|lane| lane.resume_at.is_some());
        if !waits_for_the_queue {
            self.progress.remark.take_if(|why| why.starts_with(QUEUE_AWAY));
        }
    }

    fn start_checkpoint(&mut self, now: Instant) {
        self.checkpoint_due = now + CHECKPOINT_EVERY;
        let mut bytes = 0;
        let fitting = self.refusals.iter().take(REFUSALS_AT_ONCE).take_while(|refusal| {
            bytes += refusal.raw.len();
            bytes <= REFUSAL_BYTES_AT_ONCE
        });
        let fitting = fitting.count().max(1).min(self.refusals.len());
        let refusals: Vec<_> = self.refusals.drain(..fitting).collect();
        let Mark { row, accepted, refused, bytes_read } = self.window.mark(&refusals);
        let progress = Progress {
            state: ImportState::Reading,
            read_to: row,
            accepted,
            refused,
            bytes_read,
            remark: self.progress.remark.clone(),
        };
        let (ingress, number, written) = (self.ingress.clone(), self.number, progress.clone());
        let writing = Box::pin(async move {
            let parts = &ingress.parts;
            let now = Timestamp::now().as_microsecond();
            let standing = parts.imports.checkpoint(number, &parts.replica, &written, &refusals, now).await;
            (standing, refusals)
        });
        self.checkpoint = Some(Checkpoint { writing, progress });
    }

    fn written(&mut self, written: Result<Standing, StoreError>, refusals: Vec<Refusal>) -> Option<Ended> {
        let checkpoint = self.checkpoint.take()?;
        match written {
            Ok(standing) if !standing.owned => Some(Ended::Lost),
            Ok(standing) => {
                self.is_ours = true;
                refusals.iter().for_each(|refusal| self.window.done(refusal.row));
                self.progress = Progress { remark: self.progress.remark.take(), ..checkpoint.progress };
                standing.cancel_requested.then_some(Ended::Cancelled)
            }
            Err(StoreError::Permanent(why)) => Some(Ended::Refused(why)),
            Err(error) => {
                tracing::warn!(import = self.number, %error, "the progress of an import was not recorded");
                refusals.into_iter().rev().for_each(|refusal| self.refusals.push_front(refusal));
                self.checkpoint_due = Instant::now() + CHECKPOINT_EVERY;
                self.ledger_pause_until = self.checkpoint_due;
                None
            }
        }
    }

    /// Gives up what waits, and counts what is queued, whatever order it came in.
    pub async fn give_up(&mut self) -> Progress {
        while let Some((lane, sent, results)) = self.in_flight.next().await {
            self.settle(lane, sent, results);
        }
        let waiting: usize = self.lanes.iter().map(|lane| lane.waiting.len()).sum();
        let last = self.window.last;
        Progress {
            accepted: last.accepted.saturating_sub(waiting as u64),
            refused: last
                .refused
                .saturating_sub(self.refusals.iter().filter(|refusal| refusal.row > 0).count() as u64),
            remark: None,
            ..self.counted()
        }
    }

    /// What has been counted up to where all is done.
    pub fn counted(&self) -> Progress {
        let Mark { row, accepted, refused, bytes_read } = self.window.mark(&[]);
        Progress { read_to: row, accepted, refused, bytes_read, ..self.progress.clone() }
    }
}

fn count_settled(imports: Arc<dyn Imports>, number: u64) -> Counting {
    Box::pin(async move {
        let tallies = imports.tallies(&[number]).await?;
        Ok(tallies.get(&number).map_or(0, |tally| tally.total()))
    })
}

async fn written(checkpoint: &mut Option<Checkpoint>) -> (Result<Standing, StoreError>, Vec<Refusal>) {
    match checkpoint {
        Some(checkpoint) => checkpoint.writing.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn ready(counting: &mut Option<Counting>) -> Result<u64, StoreError> {
    match counting {
        Some(counting) => counting.await,
        None => std::future::pending().await,
    }
}
