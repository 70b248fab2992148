//! The prefetches port: how many messages of a lane may come back at once.
//!
//! RabbitMQ keeps what comes back in a line of its own, in order as long as whoever is next takes all of it at once
//! (see `queue::Queue::subscribe`). So nobody subscribes with less than those before may have had in hand.

use async_trait::async_trait;
use domain::lane::Lane;

use crate::error::StoreError;

/// The largest prefetch of each lane since the last time that nothing of it could come back.
///
/// # Errors
/// Of every method: the database could not be reached. A method that fails otherwise as well says so.
#[async_trait]
pub trait Prefetches: Send + Sync {
    /// Notes that somebody is about to subscribe to a lane with `wanted` messages, and returns what to subscribe with:
    /// as many, or more. A lane of which nothing was ever noted had `usual`.
    ///
    /// Look at [`largest`](Self::largest) once it is subscribed: somebody else may have noted more in between.
    ///
    /// # Errors
    /// It is not known to be noted: do not subscribe.
    async fn note(&self, lane: Lane, wanted: u16, usual: u16) -> Result<Noted, StoreError>;

    /// What a subscription of the lane must have now, at least; `None`: nothing was ever noted.
    async fn largest(&self, lane: Lane) -> Result<Option<u16>, StoreError>;

    /// Whoever noted this has left the lane and nothing of it comes back: from now on `wanted` messages will do.
    /// Nothing happens if somebody else has noted a subscription since.
    ///
    /// # Errors
    /// It is not known to be noted: nobody subscribes with fewer.
    async fn lower(&self, lane: Lane, noted: &Noted, wanted: u16) -> Result<(), StoreError>;
}

/// A subscription that was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// What to subscribe with.
    pub prefetch_messages: u16,
    /// What is kept of it, no other like it.
    pub record: String,
}
