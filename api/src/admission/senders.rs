//! How much each client has sent of late to each lane: who sends far more than an even share is asked to wait first.

use std::collections::HashMap;
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
    lanes: HashMap<Lane, OfLane>,
}

/// What a lane was sent, and by whom. The sums are kept: a lane that is behind is asked about with every request.
#[derive(Debug, Default)]
struct OfLane {
    now: HashMap<Client, Sent>,
    before: HashMap<Client, Sent>,
    /// Jobs and rows of `now` and of `before`.
    all: [u64; 2],
    /// Clients in one of the two or in both.
    senders: u64,
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
        windows.lanes.entry(lane).or_default().note(client, Sent { jobs, rows });
    }

    fn has_most_at(&self, now: Duration, lane: Lane, client: &Client) -> bool {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn(now);
        windows.lanes.get(&lane).is_some_and(|lane| lane.has_most(client))
    }
}

impl OfLane {
    fn note(&mut self, client: &Client, Sent { jobs, rows }: Sent) {
        // Most often the client is there: its name need not be copied.
        if !self.now.contains_key(client) {
            self.senders += u64::from(!self.before.contains_key(client));
            self.now.insert(client.clone(), Sent::default());
        }
        if let Some(sent) = self.now.get_mut(client) {
            sent.jobs += jobs;
            sent.rows += rows;
        }
        self.all[0] += jobs + rows;
    }

    fn has_most(&self, client: &Client) -> bool {
        let of_client = [&self.now, &self.before].into_iter().filter_map(|clients| clients.get(client));
        let own: u64 = of_client.map(|sent| sent.jobs).sum();
        let all: u64 = self.all.iter().sum();
        // Clients that send alike are never equal: some send twice as much in so short a time.
        self.senders > 1 && own * self.senders.max(8) > 4 * all
    }

    /// Begins the next count. `false`: nobody sent anything of late.
    fn turn(&mut self) -> bool {
        self.before = std::mem::take(&mut self.now);
        self.all = [0, self.all[0]];
        self.senders = self.before.len() as u64;
        self.senders > 0
    }
}

impl Windows {
    fn turn(&mut self, now: Duration) {
        let number = now.as_secs() / WINDOW.as_secs();
        // A caller may have looked at the clock before another turned.
        if number <= self.number {
            return;
        }
        if number == self.number + 1 {
            self.lanes.retain(|_, lane| lane.turn());
        } else {
            self.lanes.clear();
        }
        self.number = number;
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

    #[test]
    fn a_client_is_one_sender_in_both_counts() {
        let senders = Senders::default();
        let clients: Vec<_> = (0..16).map(|number| Client::parse(format!("c{number}")).unwrap()).collect();
        for second in [1, 11] {
            for client in &clients {
                senders.note(at(second), LANE, client, Sent { jobs: 10, rows: 0 });
            }
        }
        let one = &clients[0];
        // Of 320 jobs 20, then a quarter of all: four times an even share is more than 4 / 16 of them.
        assert!(!senders.has_most_at(at(12), LANE, one));
        senders.note(at(12), LANE, one, Sent { jobs: 80, rows: 0 });
        assert!(!senders.has_most_at(at(12), LANE, one), "four times an even share");
        senders.note(at(12), LANE, one, Sent { jobs: 10, rows: 0 });
        assert!(senders.has_most_at(at(12), LANE, one), "more than that");
    }
}
