//! Places for requests that are passed on at once, of which no client has all.

use std::sync::Arc;
use std::time::Duration;

use domain::text::Client;
use tellers_http::keys::Caller;
use tellers_http::shares::{Share, Shares};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{self, Problem};

/// Requests at once, some 64 kB each.
const AT_ONCE_MAX: usize = 64;
/// Of one client, where the fleet knows its clients: each may hold a place for minutes, by reading its answer slowly.
const OF_CLIENT_MAX: usize = 16;
/// A place is free again within moments.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// The places that are free, and how many each client has.
pub(super) struct Places {
    free: Arc<Semaphore>,
    of_clients: Arc<Shares>,
}

/// A place, until it is dropped.
pub(super) struct Place {
    _taken: OwnedSemaphorePermit,
    _share: Option<Share>,
}

impl Places {
    pub(super) fn new() -> Places {
        Places { free: Arc::new(Semaphore::new(AT_ONCE_MAX)), of_clients: Arc::default() }
    }

    /// A place for a request of this caller.
    pub(super) fn take(&self, caller: &Caller) -> Result<Place, Problem> {
        self.take_for(Some(&caller.client).filter(|_| !caller.is_anonymous()))
    }

    /// `None`: the fleet knows no clients.
    fn take_for(&self, client: Option<&Client>) -> Result<Place, Problem> {
        let share = client.map(|client| self.share(client)).transpose()?;
        let taken = self.free.clone().try_acquire_owned();
        let taken = taken.map_err(|_| problem::busy(AT_ONCE_MAX).retry_after(BUSY_PAUSE))?;
        Ok(Place { _taken: taken, _share: share })
    }

    fn share(&self, client: &Client) -> Result<Share, Problem> {
        let share = self.of_clients.take(client, 1, OF_CLIENT_MAX);
        share.ok_or_else(|| problem::over_share(OF_CLIENT_MAX).retry_after(BUSY_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::RETRY_AFTER;
    use axum::response::IntoResponse as _;

    use super::*;

    fn refused(place: Result<Place, Problem>) -> u16 {
        let response = place.err().unwrap().into_response();
        assert!(response.headers().contains_key(RETRY_AFTER));
        response.status().as_u16()
    }

    #[test]
    fn one_client_leaves_places_for_the_others() {
        let places = Places::new();
        let clients = ["acme", "beta", "gamma", "delta"].map(|name| Client::parse(name).unwrap());
        let mut held = Vec::new();
        for client in &clients {
            for _ in 0..OF_CLIENT_MAX {
                held.push(places.take_for(Some(client)).unwrap());
            }
            // Its share comes first: it is told so while there are places for others, and when there are none.
            assert_eq!(refused(places.take_for(Some(client))), 429);
        }
        let late = Client::parse("late").unwrap();
        assert_eq!(refused(places.take_for(Some(&late))), 503);
        // Who got no place has no share of them either.
        let all = places.of_clients.take(&late, OF_CLIENT_MAX, OF_CLIENT_MAX);
        assert!(all.is_some());
        drop(all);
        held.pop();
        held.push(places.take_for(Some(&clients[3])).unwrap());
        drop(held);
        assert!(places.of_clients.is_empty(), "who has none is forgotten");
    }

    #[test]
    fn where_nobody_has_a_key_there_are_no_shares() {
        let places = Places::new();
        let held: Vec<_> = (0..AT_ONCE_MAX).map(|_| places.take_for(None).unwrap()).collect();
        assert_eq!(refused(places.take_for(None)), 503);
        drop(held);
        assert!(places.take_for(None).is_ok());
    }
}
