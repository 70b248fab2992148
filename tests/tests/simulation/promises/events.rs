//! O7: the event stream has every outcome, at least once, and those of a lane in the order in which they were recorded.

use std::collections::{BTreeMap, BTreeSet};

use contract::event::{self, Event, EventType};
use domain::id::JobId;
use domain::outcome::RecordedOutcome;

use crate::database::{JobRow, Tables};

pub fn all(messages: &[bytes::Bytes], tables: &Tables, broken: &mut Vec<String>) {
    let mut events = Vec::new();
    for message in messages {
        match event::read_batch(message) {
            Ok(batch) => events.extend(batch.into_iter().map(|(_, event)| event)),
            Err(error) => broken.push(format!("a message of the event stream cannot be read: {error}")),
        }
    }
    missing(&events, tables, broken);
    order(&events, tables, broken);
}

fn missing(events: &[Event], tables: &Tables, broken: &mut Vec<String>) {
    let published: BTreeSet<(JobId, EventType)> =
        events.iter().map(|event| (event.data.job, event.event_type)).collect();
    for JobRow { record, .. } in &tables.jobs {
        let wanted = match record.outcome {
            RecordedOutcome::Posted => EventType::JobPosted,
            RecordedOutcome::Rejected(_) => EventType::JobRejected,
            RecordedOutcome::Dead => EventType::JobDead,
            RecordedOutcome::Cancelled => EventType::JobCancelled,
            RecordedOutcome::Scheduled => EventType::JobScheduled,
        };
        if !published.contains(&(record.id, wanted)) {
            broken.push(format!("the event stream lacks that job {} is {:?}", record.id, record.outcome));
        }
    }
    let rows: BTreeMap<JobId, &JobRow> = tables.jobs.iter().map(|row| (row.record.id, row)).collect();
    for event in events.iter().filter(|event| event.event_type == EventType::JobPosted) {
        let posted =
            rows.get(&event.data.job).is_some_and(|row| row.record.outcome == RecordedOutcome::Posted);
        if !posted {
            broken
                .push(format!("the event stream says that job {} is posted, and it is not", event.data.job));
        }
    }
}

/// By the first event of each outcome: what comes again may come late, and a scheduled job has its place when it is executed.
fn order(events: &[Event], tables: &Tables, broken: &mut Vec<String>) {
    let places = tables.jobs.iter().enumerate().filter(|(_, row)| row.cause.is_none());
    let places: BTreeMap<JobId, usize> = places.map(|(place, row)| (row.record.id, place)).collect();
    let mut seen = BTreeSet::new();
    let mut latest: BTreeMap<&str, (usize, JobId)> = BTreeMap::new();
    let says_nothing_yet = [EventType::JobConflict, EventType::JobScheduled];
    for event in events.iter().filter(|event| !says_nothing_yet.contains(&event.event_type)) {
        let id = event.data.job;
        let Some(place) = places.get(&id).copied().filter(|_| seen.insert(id)) else { continue };
        // The jobs of a lane that share no account may be posted in another order than they came.
        let known = latest.entry(event.data.account.as_str()).or_insert((place, id));
        if known.0 > place {
            broken.push(format!(
                "on {}, the event of job {id} comes behind that of {}",
                event.data.account, known.1
            ));
        }
        *known = (place.max(known.0), if place > known.0 { id } else { known.1 });
    }
}
