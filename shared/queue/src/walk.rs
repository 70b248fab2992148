//! Walks past the dead letters, and what they are for.

use async_trait::async_trait;

use super::{DeadLetter, Queue, QueueError};

/// Whoever looks at dead letters.
#[async_trait]
pub trait Visitor: Send {
    /// Looks at the next letters.
    async fn visit(&mut self, letters: Vec<DeadLetter>) -> Seen;
}

/// What a visitor says of the letters that it was shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// For each of them whether it is to be removed; those behind the last answer stay.
    pub removed: Vec<bool>,
    /// It has seen enough.
    pub stop: bool,
}

/// All letters that it is shown.
pub(crate) struct Collected(pub(crate) Vec<DeadLetter>);

#[async_trait]
impl Visitor for Collected {
    async fn visit(&mut self, mut letters: Vec<DeadLetter>) -> Seen {
        self.0.append(&mut letters);
        Seen::default()
    }
}

/// The letters with one id.
struct Of<'i> {
    id: &'i str,
    found: Vec<DeadLetter>,
}

#[async_trait]
impl Visitor for Of<'_> {
    async fn visit(&mut self, letters: Vec<DeadLetter>) -> Seen {
        self.found.extend(letters.into_iter().filter(|letter| letter.id == self.id));
        Seen::default()
    }
}

pub(super) async fn of<Q: Queue + ?Sized>(queue: &Q, id: &str) -> Result<Vec<DeadLetter>, QueueError> {
    let mut of = Of { id, found: Vec::new() };
    queue.walk_dead_letters(&mut of).await?;
    Ok(of.found)
}

/// Removes what it takes for its own.
struct Discarding<F> {
    is_wanted: F,
    discarded: Vec<String>,
    most: usize,
}

#[async_trait]
impl<F: FnMut(&str) -> bool + Send> Visitor for Discarding<F> {
    async fn visit(&mut self, letters: Vec<DeadLetter>) -> Seen {
        let mut removed = Vec::with_capacity(letters.len());
        for letter in letters {
            let is_wanted = self.discarded.len() < self.most && (self.is_wanted)(&letter.id);
            removed.push(is_wanted);
            if is_wanted {
                self.discarded.push(letter.id);
            }
        }
        Seen { removed, stop: self.discarded.len() >= self.most }
    }
}

pub(super) async fn discard<Q: Queue + ?Sized>(queue: &Q, id: &str) -> Result<bool, QueueError> {
    let is_wanted = |letter: &str| letter == id;
    let mut discarding = Discarding { is_wanted, discarded: Vec::new(), most: usize::MAX };
    queue.walk_dead_letters(&mut discarding).await?;
    Ok(!discarding.discarded.is_empty())
}

pub(super) async fn discard_each<Q: Queue + ?Sized>(
    queue: &Q,
    ids: &[String],
) -> Result<Vec<String>, QueueError> {
    let mut left: Vec<&String> = ids.iter().collect();
    let is_wanted = |letter: &str| {
        let place = left.iter().position(|id| *id == letter);
        place.map(|place| left.swap_remove(place)).is_some()
    };
    let mut discarding = Discarding { is_wanted, discarded: Vec::new(), most: ids.len() };
    queue.walk_dead_letters(&mut discarding).await?;
    Ok(discarding.discarded)
}
