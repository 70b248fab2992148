//! The end of an import: every row that was queued gets its outcome, and rows that took no effect are listed.

use std::sync::Arc;
use std::time::Duration;

use domain::text::Client;
use jiff::Timestamp;
use store::imports::{Import, ImportState};

use super::super::reading::Reading;
use super::super::spool::Held;
use super::{Interruption, on_thread, patiently, write_down};
use crate::context::Ingress;

/// How often the outcomes of an import that is queued whole are counted, at first and at the least.
const DRAIN_LOOK_MIN: Duration = Duration::from_millis(50);
const DRAIN_LOOK_MAX: Duration = Duration::from_secs(1);
/// Rows that are conflicts and are written down at once: a row may have 64 KiB, and a statement has to fit into a packet.
const REFUSALS_AT_ONCE: u32 = 50;

/// Waits until every row that was queued has its outcome.
pub(super) async fn drain(ingress: &Arc<Ingress>, held: Held, import: Import) -> Result<Held, Interruption> {
    let imports = &ingress.parts.imports;
    let (number, mut progress) = (import.number, import.progress.clone());
    let mut delay = DRAIN_LOOK_MIN;
    loop {
        let tallies = patiently(ingress, || async { imports.tallies(&[number]).await }).await?;
        let tally = tallies.get(&number).copied().unwrap_or_default();
        if tally.total() >= progress.accepted {
            let held = if tally.conflict > 0 { tell_conflicts(ingress, held, &import).await? } else { held };
            progress.state = ImportState::Done;
            write_down(ingress, number, &progress).await?;
            return Ok(held);
        }
        tokio::select! {
            () = ingress.shutdown.cancelled() => return Err(Interruption::Stopped),
            () = tokio::time::sleep(delay) => {}
        }
        delay = (delay * 3 / 2).min(DRAIN_LOOK_MAX);
        if delay == DRAIN_LOOK_MAX {
            // It is still ours.
            write_down(ingress, number, &progress).await?;
        }
    }
}

/// Writes rows that took no effect among those that were refused, so that their client finds them. A file that cannot
/// be read again does not hold up the end of its import: the count tells.
async fn tell_conflicts(ingress: &Arc<Ingress>, held: Held, import: &Import) -> Result<Held, Interruption> {
    let (imports, owner, number) = (&ingress.parts.imports, &ingress.parts.replica, import.number);
    let Ok(client) = Client::parse(&import.client) else { return Ok(held) };
    let (digest, stop) = (import.digest, ingress.shutdown.child_token());
    let accounts = held.description.accounts();
    let reading = Reading { ingress: ingress.clone(), client, accounts, digest, file: digest, stop };
    let held = Arc::new(held);
    let mut after = 0;
    loop {
        let page = patiently(ingress, || imports.conflicts(number, after, REFUSALS_AT_ONCE)).await?;
        let Some(last) = page.last().copied() else { break };
        after = last;
        let read = || {
            let (reading, held, page) = (reading.clone(), held.clone(), page.clone());
            move || reading.conflicts(&held, &page)
        };
        let refusals = match on_thread(&reading, read).await {
            None => return Err(Interruption::Stopped),
            Some(Ok(refusals)) => refusals,
            Some(Err(error)) => {
                tracing::warn!(%error, import = number, "rows that are conflicts cannot be read again");
                break;
            }
        };
        let written = patiently(ingress, || {
            let now = Timestamp::now().as_microsecond();
            imports.checkpoint(number, owner, &import.progress, &refusals, now)
        });
        if !written.await?.owned {
            return Err(Interruption::Elsewhere);
        }
    }
    // The thread that read has ended.
    Arc::into_inner(held).ok_or(Interruption::Stopped)
}
