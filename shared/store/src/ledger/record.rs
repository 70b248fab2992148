//! What the ledger holds, as it is read.

use std::collections::HashMap;

use contract::submission;
use domain::entry::Entry;
use domain::fingerprint::Fingerprint;
use domain::id::JobId;
use domain::job::Kind;
use domain::lane::Lane;
use domain::outcome::RecordedOutcome;
use domain::schedule::ExecuteAt;
use domain::text::Client;

/// A job as the ledger holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// Who submitted it.
    pub client: String,
    /// The client's own name for it.
    pub reference: Option<String>,
    /// What it was to do.
    pub kind: Kind,
    /// The lane that it came by.
    pub lane: Lane,
    /// Its body as JSON.
    pub body: String,
    /// Of that body.
    pub fingerprint: Fingerprint,
    /// What became of it.
    pub outcome: RecordedOutcome,
    /// When it was accepted, in microseconds since the Unix epoch.
    pub accepted_at: i64,
    /// When it got its outcome, or was recorded as scheduled, in microseconds since the Unix epoch.
    pub posted_at: i64,
    /// Other bodies that came under its identity and took no effect; known where a single job was asked for.
    pub conflicts: Option<Conflicts>,
}

impl JobRecord {
    /// When it is or was to be executed, as its body says.
    pub fn execute_at(&self) -> Option<ExecuteAt> {
        // Nearly every body says nothing, and need not be read for it.
        let says = self.body.contains("\"execute_at\":");
        says.then(|| submission::parse(self.body.as_bytes()).ok()?.execute_at).flatten()
    }
}

/// Other bodies that came under the identity of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflicts {
    /// How many, each once however often it came; at least 1.
    pub count: u64,
    /// When the latest one was accepted, in microseconds since the Unix epoch.
    pub last_at: i64,
    /// That one, as JSON.
    pub last_body: String,
}

/// An entry as an account's holder reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRecord {
    /// The entry.
    pub entry: Entry,
    /// The kind of the job that made it.
    pub kind: Kind,
    /// That job's body as JSON: memo, value date, counterparty.
    pub body: String,
    /// When that job was accepted, in microseconds since the Unix epoch: its value date unless it has one.
    pub accepted_at: i64,
}

/// Ids that the ledger may hold jobs under, and that are not derived any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormerIds {
    /// Those of release 0.1.
    pub of_release: bool,
    /// Those of a fleet that asked nobody for a key.
    pub of_anonymous: bool,
    /// Those of clients whose keys had other names: each client with the ids that it had.
    pub of_clients: HashMap<Client, Vec<Client>>,
}
