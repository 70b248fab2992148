//! The imports of this replica: takes up whatever lies in its folder, and sees each to its end.

mod draining;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use domain::text::Client;
use formats::FileError;
use jiff::Timestamp;
use store::StoreError;
use store::imports::{Content, Import, ImportState, Progress};
use tokio::sync::{SemaphorePermit, mpsc};
use tokio::task::JoinSet;

use self::draining::drain;
use super::publishing::{ClientShare, Ended, Publishing};
use super::reading::Reading;
use super::spool::Held;
use crate::context::Ingress;

/// How often the folder is looked into for what another process left there.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A replica that has not written down anything for so long does not read a file any more.
const STALE_AFTER: Duration = Duration::from_secs(10);
/// The same in microseconds.
pub const STALE_AFTER_US: i64 = 10_000_000;
const _: () = assert!(STALE_AFTER.as_micros() == STALE_AFTER_US as u128);
/// Chunks between the thread that reads and the task that publishes.
const CHUNKS_AHEAD: usize = 2;

/// Why an import is not seen to its end here.
enum Interruption {
    /// This replica stops; the next start goes on.
    Stopped,
    /// It is another replica's.
    Elsewhere,
    /// The database refuses what is to be written, and always will.
    Refused(String),
}

impl Ingress {
    /// Sees the imports in the folder to their end, until the ingress is shut down.
    pub async fn run_imports(self: Arc<Ingress>) {
        let mut running = JoinSet::new();
        let mut numbers = HashSet::new();
        loop {
            for number in self.imports.spool.numbers().unwrap_or_else(|error| {
                tracing::warn!(%error, "the folder of imports cannot be read");
                Vec::new()
            }) {
                if numbers.insert(number) {
                    let ingress = self.clone();
                    running.spawn(async move {
                        run(&ingress, number).await;
                        number
                    });
                }
            }
            tokio::select! {
                () = self.shutdown.cancelled() => break,
                () = self.imports.arrived() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                Some(ended) = running.join_next() => match ended {
                    Ok(number) => drop(numbers.remove(&number)),
                    Err(failure) => {
                        tracing::error!(%failure, "an import broke off; the next start takes it up again");
                    }
                },
            }
        }
        // All of them see that the ingress stops.
        while running.join_next().await.is_some() {}
    }
}

async fn run(ingress: &Arc<Ingress>, number: u64) {
    let held = match ingress.imports.spool.hold(number) {
        Ok(Some(held)) => held,
        Ok(None) => return,
        Err(error) => {
            return tracing::warn!(%error, import = number, "the file of an import cannot be taken up");
        }
    };
    let ended = match see_to_its_end(ingress, held).await {
        Ok(held) => {
            if let Err(error) = held.remove() {
                tracing::warn!(%error, import = number, "the file of an import cannot be removed");
            }
            return;
        }
        Err(Interruption::Stopped) => return,
        Err(Interruption::Elsewhere) => Ok(()),
        Err(Interruption::Refused(why)) => {
            tracing::error!(import = number, why, "the ledger's database refuses the record of an import");
            // Its file goes when it is looked at next.
            fail(ingress, number, &why).await
        }
    };
    if let Err(error) = ended {
        tracing::error!(%error, import = number, "the failure of an import could not be recorded either");
    }
    // Not at once again: it is looked at when the other may be gone, or the database mended.
    tokio::select! {
        () = tokio::time::sleep(STALE_AFTER) => {}
        () = ingress.shutdown.cancelled() => {}
    }
}

/// Writes down that an import has failed.
async fn fail(ingress: &Ingress, number: u64, why: &str) -> Result<(), StoreError> {
    let (imports, owner) = (&ingress.parts.imports, &ingress.parts.replica);
    let Some(import) = imports.import(number).await? else { return Ok(()) };
    let progress = Progress { state: ImportState::Failed, remark: Some(refused(why)), ..import.progress };
    imports.checkpoint(number, owner, &progress, &[], Timestamp::now().as_microsecond()).await.map(drop)
}

fn refused(why: &str) -> String {
    format!("the ledger's database refuses the record of this import: {why}")
}

/// Returns the file once its import has ended.
async fn see_to_its_end(ingress: &Arc<Ingress>, mut held: Held) -> Result<Held, Interruption> {
    let number = held.number;
    let Some(import) = take_up(ingress, &mut held).await? else { return Ok(held) };
    if import.progress.state == ImportState::Draining {
        return drain(ingress, held, import).await;
    }
    let Some((turn, import)) = its_turn(ingress, &mut held).await? else { return Ok(held) };
    let (held, progress) = read_and_publish(ingress, held, import.clone()).await?;
    drop(turn);
    let Progress { state, accepted, refused, ref remark, .. } = progress;
    tracing::info!(import = number, state = state.name(), accepted, refused, remark, "a file was read");
    write_down(ingress, number, &progress).await?;
    if state == ImportState::Draining {
        return drain(ingress, held, Import { progress, ..import }).await;
    }
    Ok(held)
}

/// The import as it stands, if it is still to be seen to its end: then it is known to be ours from now on.
async fn take_up(ingress: &Ingress, held: &mut Held) -> Result<Option<Import>, Interruption> {
    let (number, imports) = (held.number, &ingress.parts.imports);
    let found = patiently(ingress, || imports.import(number)).await?;
    let Some(import) = found.filter(|import| !import.progress.state.has_ended()) else { return Ok(None) };
    take_over(ingress, held, &import).await?;
    if !import.cancel_requested || import.progress.state == ImportState::Draining {
        return Ok(Some(import));
    }
    let cancelled = patiently(ingress, || async {
        // Nobody else has it, so nobody is waited for.
        imports.request_cancel(number, i64::MAX, Timestamp::now().as_microsecond()).await
    });
    cancelled.await?;
    tracing::info!(import = number, "an import was cancelled before it was read");
    Ok(None)
}

/// Waits until the import may be read, while others are. What it waited with is not what it starts with: its
/// client may have stopped it meanwhile.
async fn its_turn<'a>(
    ingress: &'a Ingress,
    held: &mut Held,
) -> Result<Option<(SemaphorePermit<'a>, Import)>, Interruption> {
    let mut turn = std::pin::pin!(ingress.imports.turn());
    loop {
        let permit = tokio::select! {
            permit = &mut turn => Some(permit.map_err(|_| Interruption::Stopped)?),
            () = tokio::time::sleep(LOOK_EVERY) => None,
            () = ingress.shutdown.cancelled() => return Err(Interruption::Stopped),
        };
        let Some(import) = take_up(ingress, held).await? else { return Ok(None) };
        if let Some(permit) = permit {
            return Ok(Some((permit, import)));
        }
    }
}

async fn take_over(ingress: &Ingress, held: &mut Held, import: &Import) -> Result<(), Interruption> {
    let (imports, owner) = (&ingress.parts.imports, &ingress.parts.replica);
    let taken = patiently(ingress, || async {
        let now = Timestamp::now().as_microsecond();
        // Whoever held the file in this folder does not any more: we do.
        let is_gone = import.owner == held.last_owner;
        let stale_before = if is_gone { i64::MAX } else { now - STALE_AFTER_US };
        imports.take_over(import.number, owner, stale_before, now).await
    });
    if !taken.await? {
        return Err(Interruption::Elsewhere);
    }
    if held.last_owner != *owner
        && let Err(error) = held.sign(owner)
    {
        // It only takes longer to be taken up after a crash.
        tracing::warn!(%error, import = import.number, "the reader's name could not be written beside the file of an import");
    }
    Ok(())
}

/// Reads the file from where it stopped, and tells what is to be written down at the end.
async fn read_and_publish(
    ingress: &Arc<Ingress>,
    held: Held,
    import: Import,
) -> Result<(Held, Progress), Interruption> {
    let Import { number, client, digest, progress, .. } = import;
    let Ok(client) = Client::parse(&client) else {
        let remark = Some("the name of its client cannot be read; send the file again".to_owned());
        return Ok((held, Progress { state: ImportState::Failed, remark, ..progress }));
    };
    let stop = ingress.shutdown.child_token();
    let accounts = held.description.accounts();
    let mut reading =
        Reading { ingress: ingress.clone(), client, accounts, digest, file: digest, stop: stop.clone() };
    let held = Arc::new(held);
    let dry_run = held.description.dry_run;
    let share = ClientShare::new(reading.client.clone(), held.description.grant.clone());
    let mut publishing = Publishing::new(ingress.clone(), number, dry_run, share, progress);
    let surveyed = survey(&reading, &held).await;
    if let Ok(Some(content)) = &surveyed {
        // Before a row is queued: whoever looks sees which of them came before.
        reading.file = content.identity;
        let imports = &ingress.parts.imports;
        patiently(ingress, || imports.record_content(number, content, !dry_run)).await?;
    }
    let ended = match surveyed {
        Ok(Some(_)) => publish(&mut publishing, reading, held.clone()).await,
        Ok(None) => Ok(Ended::Stopped),
        Err(error) => Err(error),
    };
    let progress = match ended {
        Ok(Ended::Stopped) => return Err(Interruption::Stopped),
        Ok(Ended::Lost) => return Err(Interruption::Elsewhere),
        Ok(Ended::Refused(why)) => {
            let remark = Some(refused(&why));
            Progress { state: ImportState::Failed, remark, ..publishing.give_up().await }
        }
        Ok(Ended::Revoked) => {
            let remark = Some(
                "the API key that it was sent by was revoked; the rest of the file is not read".to_owned(),
            );
            Progress { state: ImportState::Cancelled, remark, ..publishing.give_up().await }
        }
        Ok(Ended::Cancelled) => Progress { state: ImportState::Cancelled, ..publishing.give_up().await },
        Ok(Ended::Complete) => {
            let state = if dry_run { ImportState::Done } else { ImportState::Draining };
            Progress { state, remark: None, ..publishing.counted() }
        }
        Err(_) if ingress.shutdown.is_cancelled() => return Err(Interruption::Stopped),
        Err(error) => {
            let state = match error {
                FileError::Unreadable(_) => ImportState::Failed,
                _ => ImportState::Refused,
            };
            Progress { state, remark: Some(error.to_string()), ..publishing.give_up().await }
        }
    };
    // The thread that read has ended.
    let held = Arc::into_inner(held).ok_or(Interruption::Stopped)?;
    Ok((held, progress))
}

/// Reads the rows and queues them, side by side.
async fn publish(publishing: &mut Publishing, reading: Reading, held: Arc<Held>) -> Result<Ended, FileError> {
    let after = publishing.progress.read_to;
    let (sender, mut chunks) = mpsc::channel(CHUNKS_AHEAD);
    let stop = reading.stop.clone();
    let read = tokio::spawn(async move {
        let read = || {
            let (reading, held, sender) = (reading.clone(), held.clone(), sender.clone());
            move || reading.read(&held, after, &sender)
        };
        on_thread(&reading, read).await.unwrap_or(Ok(()))
    });
    let ended = publishing.run(&mut chunks).await;
    stop.cancel();
    drop(chunks);
    // A file that changed under our hands may end early: then it is not complete.
    let read = read.await.map_err(|failure| FileError::Unreadable(std::io::Error::other(failure)))?;
    if ended == Ended::Complete { read.map(|()| ended) } else { Ok(ended) }
}

/// What the file says; `None`: it was stopped.
async fn survey(reading: &Reading, held: &Arc<Held>) -> Result<Option<Content>, FileError> {
    let survey = || {
        let (reading, held) = (reading.clone(), held.clone());
        move || reading.survey(&held)
    };
    on_thread(reading, survey).await.unwrap_or(Ok(None))
}

/// Runs what is made on a thread of the pool for files; where that is full the import waits. `None`: it was stopped.
async fn on_thread<T: Send + 'static, W: FnOnce() -> T + Send + 'static>(
    reading: &Reading,
    make: impl Fn() -> W,
) -> Option<T> {
    loop {
        let full = match reading.ingress.parts.io.run(make()).await {
            Ok(done) => return Some(done),
            Err(full) => full,
        };
        tracing::warn!(%full, retry_in = ?LOOK_EVERY, "an import waits for a thread");
        tokio::select! {
            () = reading.stop.cancelled() => return None,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn write_down(ingress: &Ingress, number: u64, progress: &Progress) -> Result<(), Interruption> {
    let (imports, owner) = (&ingress.parts.imports, &ingress.parts.replica);
    let written = patiently(ingress, || {
        imports.checkpoint(number, owner, progress, &[], Timestamp::now().as_microsecond())
    });
    if written.await?.owned { Ok(()) } else { Err(Interruption::Elsewhere) }
}

/// Asks the ledger's database until it answers or refuses for good, or this replica stops.
async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(
    ingress: &Ingress,
    ask: impl Fn() -> F,
) -> Result<T, Interruption> {
    let mut delays = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(LOOK_EVERY)
        .with_jitter()
        .without_max_times()
        .build();
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(StoreError::Permanent(why)) => return Err(Interruption::Refused(why)),
            Err(error) => error,
        };
        let delay = delays.next().unwrap_or(LOOK_EVERY);
        tracing::warn!(%error, retry_in = ?delay, "an import waits for the ledger");
        tokio::select! {
            () = ingress.shutdown.cancelled() => return Err(Interruption::Stopped),
            () = tokio::time::sleep(delay) => {}
        }
    }
}
