//! How many requests one client makes, or how many jobs it submits: the generic cell rate algorithm (ITU-T I.371), which needs
//! one number for each client. A client may use up a second's at once; after that they are spread evenly.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request};
use domain::text::Client;
use tellers_http::keys::Caller;

/// Clients that are remembered; beyond them those that were quiet for a second are forgotten, and if there are
/// none, everyone. Each takes some hundred bytes.
const CLIENTS_MAX: usize = 20_000;
/// What may be used up at once.
const BURST: Duration = Duration::from_secs(1);

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Sender {
    /// Whoever has this client's key.
    Client(Client),
    /// Whoever has the key with this id.
    Key(String),
    /// Whoever is at this address; behind a proxy that is the proxy.
    Address(IpAddr),
    /// The connection does not tell.
    Unknown,
}

impl Sender {
    /// Who makes this request.
    pub(super) fn of(request: &Request) -> Sender {
        let caller = request.extensions().get::<Caller>();
        if let Some(caller) = caller.filter(|caller| !caller.is_anonymous()) {
            return Sender::Client(caller.client.clone());
        }
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        peer.map_or(Sender::Unknown, |ConnectInfo(address)| Sender::Address(address.ip()))
    }
}

/// When each client will have used up what it was granted.
pub(super) struct Rates {
    since: Instant,
    /// From `since`.
    used_up_at: Mutex<HashMap<Sender, Duration>>,
}

impl Default for Rates {
    fn default() -> Rates {
        Rates { since: Instant::now(), used_up_at: Mutex::default() }
    }
}

impl Rates {
    /// Counts a request; or says how long to wait, and does not count it.
    pub(super) fn take(&self, sender: Sender, per_second: u32) -> Result<(), Duration> {
        self.take_at(self.since.elapsed(), sender, per_second)
    }

    fn take_at(&self, now: Duration, sender: Sender, per_second: u32) -> Result<(), Duration> {
        match self.take_some_at(now, sender, per_second, 1) {
            (1, _) => Ok(()),
            (_, pause) => Err(pause),
        }
    }

    /// Counts as many of these as may be now. Says how many, and how long to wait for the rest of them, or a second's.
    pub(super) fn take_some(&self, sender: Sender, per_second: u32, wanted: u32) -> (u32, Duration) {
        self.take_some_at(self.since.elapsed(), sender, per_second, wanted)
    }

    /// Counts all of these, however many may be now. Says how long to wait before the next.
    pub(super) fn charge(&self, sender: Sender, per_second: u32, count: u32) -> Duration {
        let now = self.since.elapsed();
        let used_up_at = self.used_up_at(now, sender, |used_up_at| {
            *used_up_at = (*used_up_at).max(now) + BURST / per_second.max(1) * count;
            *used_up_at
        });
        used_up_at.saturating_sub(now + BURST)
    }

    fn take_some_at(&self, now: Duration, sender: Sender, per_second: u32, wanted: u32) -> (u32, Duration) {
        let share = BURST / per_second.max(1);
        self.used_up_at(now, sender, |used_up_at| {
            let from = (*used_up_at).max(now);
            let free = (now + BURST).saturating_sub(from).as_nanos() / share.as_nanos().max(1);
            let taken = u32::try_from(free).unwrap_or(u32::MAX).min(wanted);
            *used_up_at = from + share * taken;
            let rest = (wanted - taken).min(per_second.max(1));
            (taken, (*used_up_at + share * rest).saturating_sub(now + BURST))
        })
    }

    /// Changes when a client will have used up what it was granted.
    fn used_up_at<T>(&self, now: Duration, sender: Sender, change: impl FnOnce(&mut Duration) -> T) -> T {
        let mut all = self.used_up_at.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= CLIENTS_MAX && !all.contains_key(&sender) {
            all.retain(|_, used_up_at| *used_up_at > now);
            if all.len() >= CLIENTS_MAX {
                all.clear();
            }
        }
        change(all.entry(sender).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(number: u32) -> Sender {
        Sender::Address(IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn a_client_gets_its_rate_and_the_others_theirs() {
        let rates = Rates::default();
        let mut taken = 0;
        for millisecond in 0..5_000 {
            taken += u32::from(rates.take_at(Duration::from_millis(millisecond), caller(1), 10).is_ok());
        }
        assert_eq!(taken, 10 + 50 - 1, "a second's at once, then ten a second");
        assert!(rates.take_at(Duration::from_secs(5), caller(2), 10).is_ok());
    }

    #[test]
    fn who_is_turned_away_learns_when_to_come_back() {
        let rates = Rates::default();
        let now = Duration::from_secs(60);
        assert!((0..4).all(|_| rates.take_at(now, caller(1), 4).is_ok()));
        let pause = rates.take_at(now, caller(1), 4).unwrap_err();
        assert_eq!(pause, Duration::from_millis(250));
        assert!(rates.take_at(now + pause, caller(1), 4).is_ok());
    }

    #[test]
    fn of_many_jobs_as_many_are_taken_as_may_be() {
        let rates = Rates::default();
        let now = Duration::from_secs(60);
        assert_eq!(rates.take_some_at(now, caller(1), 100, 40), (40, Duration::ZERO));
        assert_eq!(rates.take_some_at(now, caller(1), 100, 90), (60, Duration::from_millis(300)));
        assert_eq!(
            rates.take_some_at(now, caller(1), 100, 10_000),
            (0, Duration::from_secs(1)),
            "a second's"
        );
        let later = now + Duration::from_millis(300);
        assert_eq!(rates.take_some_at(later, caller(1), 100, 30), (30, Duration::ZERO));
        assert_eq!(rates.take_some_at(now, caller(2), 100, 100).0, 100, "every client has its own");
    }

    #[test]
    fn another_rate_holds_at_once() {
        let rates = Rates::default();
        assert!((0..100).all(|_| rates.take_at(Duration::ZERO, caller(1), 100).is_ok()));
        assert!(rates.take_at(Duration::ZERO, caller(1), 100).is_err());
        assert!(rates.take_at(Duration::from_millis(500), caller(1), 2).is_ok(), "half a second's are free");
        assert!(rates.take_at(Duration::from_millis(500), caller(1), 2).is_err());
    }

    #[test]
    fn strangers_do_not_fill_the_memory() {
        let rates = Rates::default();
        let many = u32::try_from(3 * CLIENTS_MAX).unwrap();
        for number in 0..many {
            let _ = rates.take_at(Duration::from_millis(u64::from(number / 100)), caller(number), 1_000);
        }
        assert!(rates.used_up_at.lock().unwrap().len() <= CLIENTS_MAX);
    }
}
