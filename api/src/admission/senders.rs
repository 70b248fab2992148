//! How much each client has sent of late: who sends more than an even share is asked to wait first.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::text::Client;

/// What was sent within one to two of these counts.
const WINDOW: Duration = Duration::from_secs(10);

/// Whose jobs they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Of {
    /// One client's, sent by request.
    Client(Client),
    /// Rows of files: the fleet itself decides how fast they come.
    Files,
}

/// Jobs of late, by client.
#[derive(Debug)]
pub(super) struct Senders {
    since: Instant,
    windows: Mutex<Windows>,
}

#[derive(Debug, Default)]
struct Windows {
    number: u64,
    now: HashMap<Of, u64>,
    before: HashMap<Of, u64>,
}

impl Default for Senders {
    fn default() -> Senders {
        Senders { since: Instant::now(), windows: Mutex::default() }
    }
}

impl Senders {
    /// Notes jobs that a client sends, taken or not.
    pub fn sent(&self, client: &Client, jobs: usize) {
        self.note(self.since.elapsed(), Of::Client(client.clone()), jobs);
    }

    /// Notes rows of a file.
    pub fn read(&self, rows: usize) {
        self.note(self.since.elapsed(), Of::Files, rows);
    }

    /// Whether others send too, and a client sends more than each would if all sent the same.
    pub fn has_most(&self, client: &Client) -> bool {
        self.has_most_at(self.since.elapsed(), client)
    }

    fn note(&self, now: Duration, of: Of, jobs: usize) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn(now);
        *windows.now.entry(of).or_default() += jobs as u64;
    }

    fn has_most_at(&self, now: Duration, client: &Client) -> bool {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn(now);
        let Windows { now, before, .. } = &*windows;
        let senders = now.keys().chain(before.keys()).collect::<HashSet<_>>().len() as u64;
        let all: u64 = now.values().chain(before.values()).sum();
        let of = Of::Client(client.clone());
        let own: u64 = [now, before].into_iter().filter_map(|window| window.get(&of)).sum();
        own * senders > all
    }
}

impl Windows {
    fn turn(&mut self, now: Duration) {
        let number = now.as_secs() / WINDOW.as_secs();
        if number != self.number {
            let last = std::mem::take(&mut self.now);
            self.before = if number == self.number + 1 { last } else { HashMap::new() };
            self.number = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn who_sends_most_is_known_for_a_while() {
        let senders = Senders::default();
        let [acme, beta] = ["acme", "beta"].map(|name| Client::parse(name).unwrap());
        let sends =
            |second, client: &Client, jobs| senders.note(at(second), Of::Client(client.clone()), jobs);
        sends(1, &acme, 900);
        assert!(!senders.has_most_at(at(1), &acme), "nobody else is there");
        sends(2, &beta, 10);
        assert!(senders.has_most_at(at(12), &acme) && !senders.has_most_at(at(12), &beta));
        assert!(!senders.has_most_at(at(25), &acme), "that was long ago");
        sends(26, &acme, 10);
        sends(26, &beta, 10);
        assert!(!senders.has_most_at(at(26), &acme), "an even share is no more than that");
        senders.note(at(27), Of::Files, 10_000);
        sends(27, &beta, 500);
        assert!(!senders.has_most_at(at(27), &beta), "a file has more");
    }
}
