//! O7: the event stream, read as clients read it.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Context as _;
use serde_json::Value;

use crate::client::Client;
use crate::load::Record;

/// Events of a page.
const PAGE: usize = 1_000;

/// What was read of an event.
#[derive(Debug)]
pub struct Seen {
    /// The id of the job.
    pub job: String,
    /// What happened.
    pub event_type: String,
}

/// Every event that the stream keeps, in its order.
///
/// # Errors
/// A page could not be read.
pub async fn all(client: &Client) -> anyhow::Result<Vec<Seen>> {
    let (mut seen, mut after) = (Vec::new(), None::<String>);
    loop {
        let from = after.as_ref().map_or_else(String::new, |after| format!("&after={after}"));
        let page: Value = client.read(&format!("/api/events?limit={PAGE}{from}")).await?;
        for event in page["events"].as_array().context("a page without events")? {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (job, event_type) = (text(&event["data"]["job"]), text(&event["type"]));
            seen.push(Seen { job, event_type });
        }
        after = Some(page["next"].as_str().context("a page without next")?.to_owned());
        if page["more"] != true {
            return Ok(seen);
        }
    }
}

/// What is wrong with the stream: every accepted job has the event of its outcome, and by the first event of each the jobs
/// of an account are in order.
pub fn judge(events: &[Seen], record: &Record) -> Vec<String> {
    let mut findings = Vec::new();
    let mut firsts: HashMap<&str, usize> = HashMap::new();
    let mut outcomes: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
    for (place, event) in events.iter().enumerate().filter(|(_, event)| {
        !matches!(event.event_type.as_str(), "tellers.job.conflict" | "tellers.job.scheduled")
    }) {
        firsts.entry(&event.job).or_insert(place);
        outcomes.entry(&event.job).or_default().insert(&event.event_type);
    }
    for (account, jobs) in &record.accounts {
        let mut latest: Option<(u64, usize, &str)> = None;
        for (rank, id) in jobs {
            let Some(place) = firsts.get(id.as_str()) else {
                findings.push(format!("O7: the event stream says nothing of job {id} of {account}"));
                continue;
            };
            if let Some((_, _, before)) = latest.filter(|(before, at, _)| before < rank && at > place) {
                findings
                    .push(format!("O7: on {account}, the event of job {id} came before that of {before}"));
            }
            if latest.is_none_or(|(_, at, _)| *place > at) {
                latest = Some((*rank, *place, id));
            }
        }
    }
    for (job, types) in outcomes {
        if types.contains("tellers.job.posted") && types.contains("tellers.job.rejected") {
            findings.push(format!("O7: job {job} is both posted and rejected: {types:?}"));
        }
    }
    findings
}
