//! Locks on rows, in the order in which they were asked for.

use std::collections::{BTreeMap, VecDeque};

use domain::account::AccountNumber;
use domain::id::JobId;
use domain::lane::Lane;
use tokio::sync::oneshot;

/// What can be locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    Account(AccountNumber),
    Job(JobId),
    Totals(Lane),
}

#[derive(Default)]
pub(super) struct Locks {
    held: BTreeMap<Row, Held>,
    /// What each session waits for.
    waits: BTreeMap<u64, Row>,
}

struct Held {
    by: u64,
    waiting: VecDeque<(u64, oneshot::Sender<()>)>,
}

/// What comes of asking for a lock.
pub(super) enum Asked {
    Granted,
    Waits(oneshot::Receiver<()>),
    Deadlock,
}

impl Locks {
    pub(super) fn ask(&mut self, session: u64, row: &Row) -> Asked {
        let Some(held) = self.held.get_mut(row) else {
            self.held.insert(row.clone(), Held { by: session, waiting: VecDeque::new() });
            return Asked::Granted;
        };
        if held.by == session {
            return Asked::Granted;
        }
        let mut holder = held.by;
        let (grant, granted) = oneshot::channel();
        held.waiting.push_back((session, grant));
        self.waits.insert(session, row.clone());
        // Those that wait form chains; one that comes back to its beginning will never end.
        while let Some(next) = self.waits.get(&holder).and_then(|row| self.held.get(row)) {
            if next.by == session {
                self.give_up(session);
                return Asked::Deadlock;
            }
            holder = next.by;
        }
        Asked::Waits(granted)
    }

    pub(super) fn is_held(&self, row: &Row) -> bool {
        self.held.contains_key(row)
    }

    /// Waits no longer.
    pub(super) fn give_up(&mut self, session: u64) {
        if let Some(held) = self.waits.remove(&session).and_then(|row| self.held.get_mut(&row)) {
            held.waiting.retain(|(waiting, _)| *waiting != session);
        }
    }

    pub(super) fn release(&mut self, session: u64, row: &Row) {
        let Some(held) = self.held.get_mut(row).filter(|held| held.by == session) else { return };
        while let Some((next, grant)) = held.waiting.pop_front() {
            self.waits.remove(&next);
            if grant.send(()).is_ok() {
                held.by = next;
                return;
            }
        }
        self.held.remove(row);
    }

    pub(super) fn release_all(&mut self, session: u64) {
        self.give_up(session);
        let own = self.held.iter().filter(|(_, held)| held.by == session).map(|(row, _)| row.clone());
        for row in own.collect::<Vec<_>>() {
            self.release(session, &row);
        }
    }

    pub(super) fn shown(&self) -> Vec<String> {
        let shown = |(row, held): (&Row, &Held)| {
            let waiting: Vec<_> = held.waiting.iter().map(|(session, _)| session).collect();
            format!("{row:?} by session {}, waited for by {waiting:?}", held.by)
        };
        self.held.iter().map(shown).collect()
    }
}
