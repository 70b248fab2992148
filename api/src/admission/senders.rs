//! How much each client has sent of late to each lane: who sends far more than an even share is asked to wait first.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::lane::Lane;
use domain::text::Client;

/// What was sent within one to two of these counts.
const WINDOW: Duration = Duration::from_secs(10);

/// Jobs of late, by lane and client.
#[derive(Debug)]
pub(super) struct Senders {
    since: Instant,
    windows: Mutex<Windows>,
}

#[derive(Debug, Default)]
struct Windows {
    number: u64,
    now: HashMap<Lane, HashMap<Client, Sent>>,
    before: HashMap<Lane, HashMap<Client, Sent>>,
}

/// What one client sent to one lane.
#[derive(Debug, Default, Clone, Copy)]
struct Sent {
    jobs: u64,
    /// Rows of files, which come as fast as the fleet reads them.
    rows: u64,
}

impl Default for Senders {
    fn default() -> Senders {
        Senders { since: Instant::now(), windows: Mutex::default() }
    }
}

impl Senders {
    /// Notes jobs of a client's requests that go to a lane.
    pub fn sent(&self, lane: Lane, client: &Client, jobs: usize) {
        self.note(self.since.elapsed(), lane, client, Sent { jobs: jobs as u64, rows: 0 });
    }

    /// Notes rows of a client's file that go to a lane.
    pub fn read(&self, lane: Lane, client: &Client, rows: usize) {
        self.note(self.since.elapsed(), lane, client, Sent { jobs: 0, rows: rows as u64 });
    }

    /// Whether others send to this lane too, and a client's requests bring more than half of all, or than four times what each
    /// would bring if all sent the same.
    pub fn has_most(&self, lane: Lane, client: &Client) -> bool {
        self.has_most_at(self.since.elapsed(), lane, client)
    }

    fn note(&self, now: Duration, lane: Lane, client: &Client, Sent { jobs, rows }: Sent) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn(now);
        let of_lane = windows.now.entry(lane).or_default();
        // Most often the client is there: its name need not be copied.
        if !of_lane.contains_key(client) {
            of_lane.insert(client.clone(), Sent::default());
        }
        if let Some(sent) = of_lane.get_mut(client) {
            sent.jobs += jobs;
            sent.rows += rows;
        }
    }

    fn has_most_at(&self, now: Duration, lane: Lane, client: &Client) -> bool {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn(now);
        let both = || [windows.now.get(&lane), windows.before.get(&lane)].into_iter().flatten();
        let senders = both().flat_map(HashMap::keys).collect::<HashSet<_>>().len() as u64;
        let all: u64 = both().flat_map(HashMap::values).map(|sent| sent.jobs + sent.rows).sum();
        let own: u64 = both().filter_map(|clients| clients.get(client)).map(|sent| sent.jobs).sum();
        // Clients that send alike are never equal: some send twice as much in so short a time.
        senders > 1 && own * senders.max(8) > 4 * all
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

    const LANE: Lane = Lane(3);

    fn at(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn who_sends_most_to_a_lane_is_known_for_a_while() {
        let senders = Senders::default();
        let [acme, beta] = ["acme", "beta"].map(|name| Client::parse(name).unwrap());
        let sends =
            |second, client: &Client, jobs, rows| senders.note(at(second), LANE, client, Sent { jobs, rows });
        sends(1, &acme, 900, 0);
        sends(1, &acme, 0, 10);
        assert!(!senders.has_most_at(at(1), LANE, &acme), "nobody else is there");
        sends(2, &beta, 10, 0);
        assert!(senders.has_most_at(at(12), LANE, &acme) && !senders.has_most_at(at(12), LANE, &beta));
        assert!(!senders.has_most_at(at(12), Lane(4), &acme), "it sends nothing there");
        assert!(!senders.has_most_at(at(25), LANE, &acme), "that was long ago");
        sends(26, &acme, 10, 0);
        sends(26, &beta, 10, 0);
        assert!(!senders.has_most_at(at(26), LANE, &acme), "an even share is no more than that");
        sends(27, &acme, 0, 10_000);
        sends(27, &beta, 500, 0);
        assert!(!senders.has_most_at(at(27), LANE, &beta), "a file has more");
        assert!(!senders.has_most_at(at(27), LANE, &acme), "whose client sends little beside it");
    }
}
