//! What must be true of the ledger in the end, whatever befell the fleet.

mod events;
mod replay;

use std::collections::{BTreeMap, BTreeSet};

use domain::id::JobId;
use domain::outcome::RecordedOutcome;
use store::ledger::port::audit;
use tests::oracle::{AccountRow, Books, EntryRow, JobRow, judge};

use crate::broker::{Broker, jobs_of};
use crate::client::Known;
use crate::database::{Database, Snapshot, Tables};

/// The promises that were broken, a sentence for each.
pub async fn broken(broker: &Broker, database: &Database, mut known: Known) -> Vec<String> {
    let tables = database.tables();
    let mut broken = Vec::new();
    lost(broker, &tables, &mut known, &mut broken);
    dead(broker, &tables, &known, &mut broken);
    bodies(broker, &tables, &known, &mut broken);
    order(&tables, &known, &mut broken);
    replay::outcomes(&tables, &mut broken);
    events::all(&broker.events(), &tables, &mut broken);
    broken.extend(judge(&books(&tables), &known.record));
    match audit(&mut Snapshot::new(tables)).await {
        Ok(audit) => broken.extend(audit.findings),
        Err(failure) => broken.push(format!("the audit ended: {failure}")),
    }
    broken
}

/// Jobs of altered envelopes are kept aside, and those that the database refuses are dead: the record does not promise
/// that they are posted.
fn lost(broker: &Broker, tables: &Tables, known: &mut Known, broken: &mut Vec<String>) {
    let altered: BTreeSet<String> = broker.altered().iter().map(JobId::to_string).collect();
    let refused: BTreeSet<String> = known.refused.iter().map(JobId::to_string).collect();
    let outcomes: BTreeMap<String, RecordedOutcome> =
        tables.jobs.iter().map(|row| (row.record.id.to_string(), row.record.outcome)).collect();
    for jobs in known.record.accounts.values_mut() {
        jobs.retain(|(_, id)| {
            let outcome = outcomes.get(id);
            // Sent again, such a job has its outcome late.
            if altered.contains(id) {
                return false;
            }
            if refused.contains(id) {
                if outcome.is_none() {
                    broken.push(format!("job {id} was accepted and is lost"));
                }
                return false;
            }
            true
        });
    }
    let kept_aside = broker.letters().iter().filter(|letter| jobs_of(&letter.payload).is_none()).count();
    if kept_aside == 0 && !altered.is_empty() {
        broken.push("an altered envelope is kept nowhere".to_owned());
    }
}

/// A job is dead if it is refused itself, and then it is kept.
fn dead(broker: &Broker, tables: &Tables, known: &Known, broken: &mut Vec<String>) {
    let letters: BTreeSet<JobId> =
        broker.letters().iter().filter_map(|letter| jobs_of(&letter.payload)).flatten().collect();
    for row in tables.jobs.iter().filter(|row| row.record.outcome == RecordedOutcome::Dead) {
        let (id, cause) = (row.record.id, row.cause.as_deref().unwrap_or_default());
        if !known.refused.contains(&id) {
            broken.push(format!("job {id} is dead and has caused nothing: {cause}"));
        }
        if !letters.contains(&id) {
            broken.push(format!("job {id} is dead and is no dead letter"));
        }
    }
    for id in letters.iter().filter(|id| !known.refused.contains(id)) {
        broken.push(format!("job {id} is a dead letter and has caused nothing"));
    }
}

/// What is posted is what was sent, to the letter.
fn bodies(broker: &Broker, tables: &Tables, known: &Known, broken: &mut Vec<String>) {
    // Where the first body is kept aside, another one may come to have its identity.
    let altered = broker.altered();
    let own =
        |row: &&crate::database::JobRow| row.record.client != "tellers" && !altered.contains(&row.record.id);
    for row in tables.jobs.iter().filter(own) {
        let (id, body) = (row.record.id, &row.record.body);
        if known.bodies.get(&id) != Some(body) {
            broken.push(format!("job {id} is recorded as {body}, which is not what was sent first"));
        }
        if !known.contested.contains(&id) && tables.conflicts.contains(&id) {
            broken.push(format!("job {id} is in conflict, and came with one body only"));
        }
    }
}

/// O4, of every outcome: a rejection has its place too.
fn order(tables: &Tables, known: &Known, broken: &mut Vec<String>) {
    let rows = tables.jobs.iter().filter(|row| row.cause.is_none());
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (place, row) in rows.enumerate() {
        if places.insert(row.record.id.to_string(), place).is_some() {
            broken.push(format!("job {} has two rows", row.record.id));
        }
    }
    for (account, jobs) in &known.record.accounts {
        // The latest place of all jobs with a lower rank, and that of the rank itself.
        let (mut before, mut so_far, mut rank) = (None, None, 0);
        for (of, id) in jobs {
            if *of != rank {
                (before, rank) = (so_far, *of);
            }
            let Some(place) = places.get(id) else { continue };
            if let Some((latest, ahead)) = before.filter(|(latest, _)| *latest > *place) {
                broken.push(format!(
                    "on {account}, job {id} (row {place}) overtook job {ahead} (row {latest})"
                ));
            }
            so_far = so_far.max(Some((*place, id)));
        }
    }
}

/// As the oracle reads them.
fn books(tables: &Tables) -> Books {
    let accounts = tables.accounts.values().map(|account| AccountRow {
        key: account.key.unwrap_or_default(),
        number: account.number.to_string(),
        balance: account.balance,
        held: account.held,
        overdraft_limit: account.overdraft_limit.minor_units(),
        seq: account.seq,
    });
    let outcome = |outcome: RecordedOutcome| match outcome {
        RecordedOutcome::Posted => "posted",
        RecordedOutcome::Rejected(_) => "rejected",
        RecordedOutcome::Dead => "dead",
        RecordedOutcome::Cancelled => "cancelled",
        RecordedOutcome::Scheduled => "scheduled",
    };
    let jobs = tables.jobs.iter().map(|row| JobRow {
        id: row.record.id.to_string(),
        kind: row.record.kind.name().to_owned(),
        outcome: outcome(row.record.outcome).to_owned(),
    });
    let entries = tables.entries.iter().flat_map(|(key, entries)| {
        entries.iter().map(|entry| EntryRow {
            account: *key,
            seq: entry.seq,
            job: entry.job.to_string(),
            amount: entry.amount,
            balance_after: entry.balance_after,
        })
    });
    Books { accounts: accounts.collect(), jobs: jobs.collect(), entries: entries.collect() }
}
