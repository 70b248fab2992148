//! Replays and discards, of one dead letter or of all that are wanted, in one walk past them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use domain::lane::Lanes;
use queue::publisher::{Publisher, PublisherLimits};
use queue::replay::{ReplayError, replay};
use queue::{DeadLetter, LETTERS_WALKED_MAX, Queue, QueueError, Seen, Visitor};
use runtime::clock;
use tellers_http::trail::Who;

use super::page::Wanted;
use crate::context::Shared;
use crate::views::dead_letters::WhatWasDone;

/// Jobs that wait in a lane's line: those of the letters that are shown at once, and more.
const WAITING_JOBS_MAX: usize = 100_000;
/// Jobs that one event of the audit log names: as many as a value of it holds.
const NAMED_AT_ONCE: usize = 10;

/// What is done with letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Replay,
    Discard,
}

impl Deed {
    /// As answers have it.
    pub(crate) fn done(self) -> WhatWasDone {
        match self {
            Deed::Replay => WhatWasDone::Replayed,
            Deed::Discard => WhatWasDone::Discarded,
        }
    }

    /// As the audit log has it, of one letter and of all that a filter wants.
    fn actions(self) -> (&'static str, &'static str) {
        match self {
            Deed::Replay => ("dead_letter_replayed", "dead_letters_replayed"),
            Deed::Discard => ("dead_letter_discarded", "dead_letters_discarded"),
        }
    }
}

/// What was done.
#[derive(Default)]
pub(crate) struct Acted {
    /// Letters that are gone; one that was kept twice counts once.
    pub(crate) letters: u64,
    /// Jobs that are on their lanes again.
    pub(crate) jobs: u64,
    /// Letters that stay, and why.
    pub(crate) kept: Vec<(String, ReplayError)>,
    /// The jobs of those that are gone, for the audit log; of what cannot be read the letter.
    names: Vec<String>,
}

/// Does it with all letters that are wanted, to its end, and notes who did it.
pub(crate) async fn act(shared: &Shared, deed: Deed, wanted: Wanted, who: &Who) -> Result<Acted, QueueError> {
    let queue = shared.parts.queue.clone();
    let acting_on = wanted.filter.id.clone();
    let filter = serde_json::to_string(&wanted.filter).unwrap_or_default();
    let mut acting = Acting {
        deed,
        wanted,
        queue: queue.clone(),
        lanes: shared.parts.lanes,
        publisher: publisher(shared),
        done: HashMap::new(),
        acted: Acted::default(),
    };
    let walked = queue.walk_dead_letters(&mut acting).await;
    acting.publisher.stop().await;
    let acted = acting.acted;
    let (one, all) = deed.actions();
    let trail = &shared.parts.trail;
    // One that is asked for by its id is one event.
    let id = acting_on.as_deref().unwrap_or_default();
    if acted.letters > 0 && id.is_empty() {
        let (letters, kept) = (acted.letters.to_string(), acted.kept.len().to_string());
        trail.note_change(all, who, &[("filter", &filter), ("letters", &letters), ("kept", &kept)]);
    }
    for names in acted.names.chunks(NAMED_AT_ONCE) {
        let jobs = names.join(" ");
        if id.is_empty() {
            trail.note_change(one, who, &[("jobs", &jobs)]);
        } else {
            trail.note_change(one, who, &[("letter", id), ("jobs", &jobs)]);
        }
    }
    tracing::info!(
        filter,
        letters = acted.letters,
        kept = acted.kept.len(),
        "dead letters were {}",
        <&str>::from(deed.done())
    );
    walked.map(|()| acted)
}

fn publisher(shared: &Shared) -> Publisher {
    // The order of acceptance is counted under this name: a new one for each replay.
    let name = format!("{}-replay-{}", shared.parts.replica, clock::now_us());
    let limits = PublisherLimits { waiting_jobs_max: WAITING_JOBS_MAX, ..PublisherLimits::default() };
    Publisher::new(shared.parts.queue.clone(), shared.parts.lanes, name, limits)
}

struct Acting {
    deed: Deed,
    wanted: Wanted,
    queue: Arc<dyn Queue>,
    lanes: Lanes,
    publisher: Publisher,
    /// By the letters' ids whether they are to be removed: one that was kept twice is put back once.
    done: HashMap<String, bool>,
    acted: Acted,
}

#[async_trait]
impl Visitor for Acting {
    /// What goes back on its lane is confirmed there before its letter is removed: broken off between, it is there twice, and
    /// its job takes effect once.
    async fn visit(&mut self, letters: Vec<DeadLetter>) -> Seen {
        let mut wanted = Vec::new();
        let mut ids = HashSet::new();
        for letter in &letters {
            let jobs = letter.jobs();
            let is_new = !self.done.contains_key(&letter.id) && !ids.contains(&letter.id);
            if is_new && self.wanted.are(letter, &jobs) {
                ids.insert(letter.id.clone());
                let names: Vec<_> = jobs.into_iter().filter_map(|job| job.id).collect();
                wanted.push((letter.clone(), names));
            }
        }
        let (wanted, names): (Vec<_>, Vec<_>) = wanted.into_iter().unzip();
        let done = match self.deed {
            Deed::Replay => replay(&*self.queue, &self.publisher, self.lanes, &wanted).await,
            Deed::Discard => wanted.iter().map(|_| Ok(0)).collect(),
        };
        let mut stop = false;
        for ((letter, names), done) in wanted.into_iter().zip(names).zip(done) {
            self.done.insert(letter.id.clone(), done.is_ok());
            match done {
                Ok(jobs) => {
                    self.acted.letters += 1;
                    self.acted.jobs += jobs as u64;
                    if names.is_empty() {
                        self.acted.names.push(letter.id);
                    }
                    self.acted.names.extend(names);
                }
                Err(why) => {
                    // Whatever comes behind would fare no better.
                    stop |= matches!(why, ReplayError::Publish(_));
                    self.acted.kept.push((letter.id, why));
                }
            }
        }
        // A letter of work without an order keeps its id where the work fails again.
        let is_removed = |letter: &DeadLetter| {
            self.wanted.filter.is_in_time(letter) && self.done.get(&letter.id).copied().unwrap_or_default()
        };
        let found = self.wanted.filter.id.as_ref().is_some_and(|id| self.done.contains_key(id));
        Seen { removed: letters.iter().map(is_removed).collect(), stop: stop || found }
    }
}

const _: () = assert!(WAITING_JOBS_MAX > LETTERS_WALKED_MAX);
