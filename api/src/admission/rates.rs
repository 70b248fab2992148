//! How many requests one client makes: the generic cell rate algorithm (ITU-T I.371), which needs one number
//! for each client. A client may make a second's requests at once; after that they are spread evenly.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request};
use domain::text::Client;
use tellers_http::keys::Keys;

/// Clients that are remembered; beyond them those that were quiet for a second are forgotten, and if there are
/// none, everyone. Each takes some hundred bytes.
const CLIENTS_MAX: usize = 20_000;
/// What may be used up at once.
const BURST: Duration = Duration::from_secs(1);

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    /// Whoever has this client's key.
    Client(Client),
    /// Whoever is at this address; behind a proxy that is the proxy.
    Address(IpAddr),
    /// The connection does not tell.
    Unknown,
}

impl Caller {
    /// Who makes this request.
    pub(super) fn of(request: &Request, keys: &Keys) -> Caller {
        if let Some(client) = keys.holder(request.headers()) {
            return Caller::Client(client);
        }
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        peer.map_or(Caller::Unknown, |ConnectInfo(address)| Caller::Address(address.ip()))
    }
}

/// When each client will have used up what it was granted.
pub(super) struct Rates {
    since: Instant,
    /// From `since`.
    used_up_at: Mutex<HashMap<Caller, Duration>>,
}

impl Default for Rates {
    fn default() -> Rates {
        Rates { since: Instant::now(), used_up_at: Mutex::default() }
    }
}

impl Rates {
    /// Counts a request; or says how long to wait, and does not count it.
    pub(super) fn take(&self, caller: Caller, per_second: u32) -> Result<(), Duration> {
        self.take_at(self.since.elapsed(), caller, per_second)
    }

    fn take_at(&self, now: Duration, caller: Caller, per_second: u32) -> Result<(), Duration> {
        let share = BURST / per_second.max(1);
        let mut all = self.used_up_at.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= CLIENTS_MAX && !all.contains_key(&caller) {
            all.retain(|_, used_up_at| *used_up_at > now);
            if all.len() >= CLIENTS_MAX {
                all.clear();
            }
        }
        let used_up_at = all.entry(caller).or_default();
        let after = (*used_up_at).max(now) + share;
        match after.checked_sub(now + BURST) {
            Some(pause) if !pause.is_zero() => Err(pause),
            _ => {
                *used_up_at = after;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(number: u32) -> Caller {
        Caller::Address(IpAddr::from(number.to_be_bytes()))
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
