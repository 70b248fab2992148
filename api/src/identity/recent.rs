//! What came under which identity lately, so that another body under the same one is refused at once. Only a help: what
//! this replica does not know any more, or never knew, the ledger tells later.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use domain::fingerprint::Fingerprint;
use domain::id::JobId;

/// Identities in each of the two halves of the memory: some minutes at full speed, in at most 12 MB.
const HALF_MAX: usize = 100_000;

/// The bodies that came lately, by their ids. When one half is full the older one is forgotten.
pub struct Recent(Mutex<Halves>);

#[derive(Default)]
struct Halves {
    young: HashMap<JobId, Fingerprint>,
    old: HashMap<JobId, Fingerprint>,
}

/// What is known of a body under an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Nothing came under the id, as far as is known. It is this body's from now on.
    New,
    /// The same body came before.
    Same,
    /// Another body came before.
    Other,
}

impl Recent {
    /// Knows nothing.
    pub fn new() -> Recent {
        Recent(Mutex::default())
    }

    /// Keeps the id for this body, unless another body has it.
    pub fn claim(&self, id: JobId, body: Fingerprint) -> Claim {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = halves.old.get(&id) {
            return if *known == body { Claim::Same } else { Claim::Other };
        }
        if halves.young.len() >= HALF_MAX {
            halves.old = std::mem::take(&mut halves.young);
        }
        match halves.young.entry(id) {
            Entry::Occupied(known) if *known.get() == body => Claim::Same,
            Entry::Occupied(_) => Claim::Other,
            Entry::Vacant(free) => {
                free.insert(body);
                Claim::New
            }
        }
    }

    /// Whether another body has the id; keeps nothing.
    pub fn is_of_another(&self, id: JobId, body: Fingerprint) -> bool {
        let halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = halves.young.get(&id).or_else(|| halves.old.get(&id));
        known.is_some_and(|known| *known != body)
    }

    /// Forgets a body that was not accepted after all, or that the ledger found to contradict another one: the id is
    /// the other's, which may come again.
    pub fn release(&self, id: JobId, body: Fingerprint) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Halves { young, old } = &mut *halves;
        for half in [young, old] {
            if half.get(&id) == Some(&body) {
                half.remove(&id);
            }
        }
    }
}

/// Bodies that are being accepted: forgotten again with this value, if their client goes away before they are.
pub struct Claims<'a> {
    recent: &'a Recent,
    new: Vec<(JobId, Fingerprint)>,
}

impl<'a> Claims<'a> {
    /// None yet.
    pub fn new(recent: &'a Recent) -> Claims<'a> {
        Claims { recent, new: Vec::new() }
    }

    /// One that nothing had come under before.
    pub fn add(&mut self, id: JobId, body: Fingerprint) {
        self.new.push((id, body));
    }

    /// All of them are accepted, or were released.
    pub fn keep(mut self) {
        self.new.clear();
    }
}

impl Drop for Claims<'_> {
    fn drop(&mut self) {
        self.new.drain(..).for_each(|(id, body)| self.recent.release(id, body));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> JobId {
        JobId::from_chance(number, [0; 6])
    }

    #[test]
    fn another_body_under_one_id_is_noticed() {
        let recent = Recent::new();
        let [one, other] = [Fingerprint([1; 16]), Fingerprint([2; 16])];
        assert_eq!(recent.claim(id(1), one), Claim::New);
        assert_eq!(recent.claim(id(1), one), Claim::Same);
        assert_eq!(recent.claim(id(1), other), Claim::Other);
        assert!(recent.is_of_another(id(1), other) && !recent.is_of_another(id(2), other));
        recent.release(id(1), other);
        assert_eq!(recent.claim(id(1), one), Claim::Same, "it is not the other's to release");
        recent.release(id(1), one);
        assert_eq!(recent.claim(id(1), other), Claim::New, "the first was not accepted");
    }

    #[test]
    fn who_goes_away_leaves_no_claim() {
        let (recent, body) = (Recent::new(), Fingerprint([1; 16]));
        let claimed = |kept: bool| {
            let mut claims = Claims::new(&recent);
            assert_eq!(recent.claim(id(1), body), Claim::New);
            claims.add(id(1), body);
            if kept {
                claims.keep();
            }
        };
        claimed(false);
        claimed(true);
        assert_eq!(recent.claim(id(1), body), Claim::Same);
    }

    #[test]
    fn its_memory_is_bounded_and_keeps_the_newest() {
        let recent = Recent::new();
        let body = Fingerprint([1; 16]);
        let all = 3 * HALF_MAX as u64;
        for number in 0..all {
            assert_eq!(recent.claim(id(number), body), Claim::New);
        }
        let halves = recent.0.lock().unwrap();
        assert!(halves.young.len() + halves.old.len() <= 2 * HALF_MAX);
        assert!(!halves.old.contains_key(&id(0)) && halves.young.contains_key(&id(all - 1)));
    }
}
