//! Dead letters at the queue itself, for when no monitor runs. Who may reach the broker may do this: it asks for no key, and
//! leaves nothing in the audit log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use domain::lane::Lane;
use fleet::config::FleetConfig;
use queue::publisher::{Publisher, PublisherLimits};
use queue::replay::replay as put_back;
use queue::{DeadLetter, LETTERS_WALKED_MAX, Queue};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::args::{ActArgs, DeadLettersCommand};
use crate::output;
use crate::{parts, roles};

/// Letters that are put back before they are removed, together: a broker is looked through for them once.
const REPLAYED_AT_ONCE: usize = 1_000;

pub(super) async fn run(fleet: FleetConfig, command: DeadLettersCommand) -> anyhow::Result<()> {
    if let Some(wish) = command.needs_a_monitor() {
        bail!("{wish} is the monitor's to answer: name it by --url, such as --url http://127.0.0.1:5000");
    }
    if matches!(command, DeadLettersCommand::Replay(_)) {
        // With another number of lanes than the fleet's, jobs would go to lanes that nobody serves.
        let ledger = parts::existing_ledger(&fleet).await?;
        ledger.check(fleet.lanes).await?;
        ledger.close().await;
    }
    let queue = parts::existing_queue(&fleet).await.context(
        "the queue itself cannot be used; beside a running `tellers dev`, ask its monitor: --url http://127.0.0.1:5000",
    )?;
    let done = match command {
        DeadLettersCommand::List { limit, json, .. } => list(queue.as_ref(), limit, json).await,
        DeadLettersCommand::Show { id } => show(queue.as_ref(), &id).await,
        DeadLettersCommand::Preview { .. } => Ok(()),
        DeadLettersCommand::Replay(ActArgs { id: Some(id), .. }) => {
            let letters = find(queue.as_ref(), &id).await?;
            replay(&fleet, &queue, letters).await
        }
        DeadLettersCommand::Replay(ActArgs { id: None, .. }) => {
            let letters = queue.dead_letters(LETTERS_WALKED_MAX).await?;
            replay(&fleet, &queue, letters).await
        }
        DeadLettersCommand::Discard(ActArgs { id, .. }) => {
            discard(queue.as_ref(), id.as_deref().unwrap_or_default()).await
        }
    };
    queue.close().await;
    done
}

async fn list(queue: &dyn Queue, limit: usize, json: bool) -> anyhow::Result<()> {
    // Counted before it looks: a broker's count lags behind letters that are looked at and put back.
    let kept = queue.dead_letter_count().await?;
    let letters = queue.dead_letters(limit).await?;
    if json {
        for letter in &letters {
            output::line(serde_json::to_string(&Shown::of(letter)?)?)?;
        }
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["id", "lane", "at", "cause"]);
    for letter in &letters {
        let lane = lane_of(letter).map(|lane| lane.to_string()).unwrap_or_default();
        table.add_row([&letter.id, &lane, &letter.at.to_string(), &letter.cause]);
    }
    output::line(&table)?;
    output::line(format_args!(
        "{} of {} dead letters",
        letters.len(),
        letters.len().max(usize::try_from(kept)?)
    ))?;
    Ok(())
}

async fn show(queue: &dyn Queue, id: &str) -> anyhow::Result<()> {
    if let Some(letter) = find(queue, id).await?.first() {
        output::line(serde_json::to_string_pretty(&Shown::of(letter)?)?)?;
    }
    Ok(())
}

/// Work without an order has none.
fn lane_of(letter: &DeadLetter) -> Option<u16> {
    (letter.lane != Lane::NONE).then_some(letter.lane.0)
}

/// A letter as the command shows it.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    lane: Option<u16>,
    at: String,
    cause: &'a str,
    payload: Box<RawValue>,
}

impl Shown<'_> {
    fn of(letter: &DeadLetter) -> serde_json::Result<Shown<'_>> {
        let payload = String::from_utf8_lossy(&letter.payload);
        // What is JSON is shown as JSON, digit by digit and in one line: no string has a line's end in it. What is not,
        // as the text that it is.
        let payload = match RawValue::from_string(payload.replace(['\r', '\n'], " ")) {
            Ok(payload) => payload,
            Err(_) => to_raw_value(&payload)?,
        };
        Ok(Shown {
            id: &letter.id,
            lane: lane_of(letter),
            at: letter.at.to_string(),
            cause: &letter.cause,
            payload,
        })
    }
}

async fn discard(queue: &dyn Queue, id: &str) -> anyhow::Result<()> {
    if !queue.discard_dead_letter(id).await? {
        bail!("there is no dead letter {id}; `tellers dead-letters list` lists the dead letters");
    }
    output::done(format_args!("discarded {id}"));
    Ok(())
}

/// The letter, as often as it was kept: at least once.
async fn find(queue: &dyn Queue, id: &str) -> anyhow::Result<Vec<DeadLetter>> {
    let letters = queue.dead_letters_of(id).await?;
    if letters.is_empty() {
        bail!("there is no dead letter {id}; `tellers dead-letters list` lists the dead letters");
    }
    Ok(letters)
}

/// Publishes first and removes afterwards: broken off between, a letter is there twice, and its job
/// still takes effect once.
async fn replay(fleet: &FleetConfig, queue: &Arc<dyn Queue>, letters: Vec<DeadLetter>) -> anyhow::Result<()> {
    let replica = roles::replica_id("replay")?;
    let publisher = Publisher::new(queue.clone(), fleet.lanes, replica, PublisherLimits::default());
    let mut refused = 0_usize;
    for letters in letters.chunks(REPLAYED_AT_ONCE) {
        // What was kept twice is put back once.
        let mut ids = BTreeSet::new();
        let once: Vec<_> = letters.iter().filter(|letter| ids.insert(&letter.id)).cloned().collect();
        let mut replayed = BTreeMap::new();
        for (letter, done) in once.iter().zip(put_back(&**queue, &publisher, fleet.lanes, &once).await) {
            match done {
                Ok(jobs) => drop(replayed.insert(&letter.id, jobs)),
                Err(error) => {
                    refused += 1;
                    output::done(format_args!("kept {}: {error}", letter.id));
                }
            }
        }
        // Each as often as it was found, and no more: one may have been given up and kept again by now.
        let ids = letters.iter().map(|letter| &letter.id).filter(|id| replayed.contains_key(id));
        let ids: Vec<_> = ids.cloned().collect();
        let removed = queue.discard_dead_letters(&ids).await.with_context(|| {
            let ids = ids.join(" ");
            format!("on their lanes again, but perhaps still listed, which harms nothing: {ids}")
        })?;
        for (id, jobs) in replayed {
            let gone = if removed.contains(id) { "" } else { "; someone else has removed it meanwhile" };
            output::done(format_args!("replayed {id}: {jobs} jobs{gone}"));
        }
    }
    publisher.stop().await;
    if refused > 0 {
        bail!(
            "{refused} dead letters cannot be replayed; `show` them, and `discard` those that are of no use"
        );
    }
    Ok(())
}
