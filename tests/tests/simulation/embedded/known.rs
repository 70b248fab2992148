//! What was promised of the queue's file, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use derive_more::Display;
use domain::lane::Lane;

use super::disk::Disk;
use crate::world::{World, lock};

/// A message: its lane, who publishes it, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Display)]
#[display("{} {client} {number}", lane.0)]
pub struct Name {
    /// Its lane, or [`Lane::NONE`] for work.
    pub lane: Lane,
    /// Who publishes it: one message after the other.
    pub client: u32,
    /// How many he published before.
    pub number: u32,
}

impl Name {
    /// As it is in the file.
    pub fn envelope(self) -> Bytes {
        self.to_string().into()
    }

    fn read(envelope: &[u8]) -> Option<Name> {
        let mut parts = std::str::from_utf8(envelope).ok()?.split(' ');
        let lane = Lane(parts.next()?.parse().ok()?);
        Some(Name { lane, client: parts.next()?.parse().ok()?, number: parts.next()?.parse().ok()? })
    }
}

#[derive(Default)]
struct Message {
    attempts: usize,
    accepted: bool,
    /// The numbers under which it came.
    came: BTreeSet<u64>,
    /// It was acknowledged, or is about to be: it need not be in the file any more.
    finished: bool,
}

#[derive(Default)]
struct State {
    messages: BTreeMap<Name, Message>,
    /// The numbers of the file that were acknowledged.
    acknowledged: BTreeSet<u64>,
    /// Letters that are kept, each with whether somebody asked to have it discarded.
    letters: BTreeMap<String, bool>,
}

/// Known to all clients.
#[derive(Clone)]
pub struct Known {
    world: World,
    state: Arc<Mutex<State>>,
}

impl Known {
    /// Nothing is promised.
    pub fn new(world: &World) -> Known {
        Known { world: world.clone(), state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// It is about to be published, perhaps once more.
    pub fn attempt(&self, name: Name) {
        self.state().messages.entry(name).or_default().attempts += 1;
    }

    /// The promise was given.
    pub fn accept(&self, name: Name) {
        self.state().messages.entry(name).or_default().accepted = true;
    }

    /// A letter is kept.
    pub fn keep(&self, letter: &str) {
        self.state().letters.entry(letter.to_owned()).or_default();
    }

    /// A letter that nobody has asked to discard; somebody does now.
    pub fn discard_one(&self) -> Option<String> {
        let mut state = self.state();
        let (id, discarded) = state.letters.iter_mut().find(|(_, discarded)| !**discarded)?;
        *discarded = true;
        Some(id.clone())
    }

    /// A message came, under this number of the file. The promise: behind every accepted one of its client, and no more
    /// often than it was published.
    pub fn came(&self, envelope: &[u8], tag: u64) -> Option<Name> {
        let Some(name) = Name::read(envelope) else {
            self.world.wrong(format_args!("a message came that nobody published: {envelope:?}"));
            return None;
        };
        let mut state = self.state();
        let first = Name { number: 0, ..name };
        let overtaken =
            state.messages.range(first..name).find(|(_, ahead)| ahead.accepted && ahead.came.is_empty());
        if let Some((ahead, _)) = overtaken.filter(|_| name.lane != Lane::NONE) {
            self.world.wrong(format_args!("message {name} overtook message {ahead}"));
        }
        let message = state.messages.entry(name).or_default();
        message.came.insert(tag);
        let (came, attempts) = (message.came.len(), message.attempts);
        if came > attempts {
            self.world
                .wrong(format_args!("message {name} came {came} times, and was published {attempts} times"));
        }
        Some(name)
    }

    /// It is acknowledged, as it came under this number.
    pub fn finish(&self, name: Name, tag: u64) {
        let mut state = self.state();
        state.messages.entry(name).or_default().finished = true;
        state.acknowledged.insert(tag);
    }

    /// The promise: what is acknowledged leaves the file. Work that came twice may be in somebody's hand still, which no
    /// queue counts.
    pub fn check_left(&self, disk: &Disk) {
        let (file, state) = (disk.file(), self.state());
        for (seq, (lane, ..)) in &file.messages {
            let is_acknowledged = u64::try_from(*seq).is_ok_and(|seq| state.acknowledged.contains(&seq));
            if is_acknowledged || *lane != Lane::NONE {
                self.world
                    .wrong(format_args!("message {seq} of {lane} was acknowledged and is left in the file"));
            }
        }
    }

    /// The promise: whatever was accepted is on disk until it is acknowledged.
    pub fn check_disk(&self, disk: &Disk) {
        let (file, state) = (disk.file(), self.state());
        let kept: BTreeSet<_> =
            file.messages.values().filter_map(|(_, envelope, _)| Name::read(envelope)).collect();
        let waits = state.messages.iter().filter(|(_, message)| message.accepted && !message.finished);
        for (name, _) in waits.filter(|(name, _)| !kept.contains(name)) {
            self.world.wrong(format_args!("message {name} was accepted and is not on disk"));
        }
        let letters: BTreeSet<_> = file.letters.iter().map(|letter| &letter.id).collect();
        for (id, _) in state.letters.iter().filter(|(id, discarded)| !**discarded && !letters.contains(id)) {
            self.world.wrong(format_args!("letter {id} was kept and is not on disk"));
        }
    }

    /// Accepted messages, and those of them that never came.
    pub fn missing(&self) -> (usize, Vec<Name>) {
        let state = self.state();
        let accepted = || state.messages.iter().filter(|(_, message)| message.accepted);
        let missing = accepted().filter(|(_, message)| !message.finished).map(|(name, _)| *name);
        (accepted().count(), missing.collect())
    }
}
