//! Who submits a job, and the ids that its jobs had before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use shared::domain::former::{FormerId, Sameness};
use shared::domain::id::{Identity, JobId};
use shared::domain::text::Client;
use shared::ledger::FormerIds;

use super::Identified;

/// Which former ids the ledger may hold. Until it has told, all: jobs are accepted while it is away.
#[derive(Debug, Clone)]
pub struct FormerIdsKept(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    of_release: AtomicBool,
    of_anonymous: AtomicBool,
}

impl FormerIdsKept {
    /// Nothing is known yet.
    pub fn unknown() -> FormerIdsKept {
        FormerIdsKept(Arc::new(Kept {
            of_release: AtomicBool::new(true),
            of_anonymous: AtomicBool::new(true),
        }))
    }

    /// The ledger has told.
    pub fn set(&self, ids: FormerIds) {
        self.0.of_release.store(ids.of_release, Relaxed);
        self.0.of_anonymous.store(ids.of_anonymous, Relaxed);
    }

    #[cfg(test)]
    pub fn none() -> FormerIdsKept {
        let kept = FormerIdsKept::unknown();
        kept.set(FormerIds::default());
        kept
    }
}

/// A client, and the ids that it had before.
#[derive(Debug, Clone)]
pub struct Who<'a> {
    client: &'a Client,
    /// Each with what has to agree: `anonymous` was the id of every client.
    earlier: Vec<(Client, Option<Sameness>)>,
    of_release: bool,
}

impl<'a> Who<'a> {
    /// A client with the earlier ids that the keys name.
    pub fn new(client: &'a Client, earlier: &[Client], kept: FormerIdsKept) -> Who<'a> {
        let is_anonymous = |id: &Client| id.as_str() == shared::keys::ANONYMOUS;
        let shared_by_all = |id: &Client| is_anonymous(id).then_some(Sameness::SameMoney);
        let mut earlier: Vec<_> = earlier.iter().map(|id| (id.clone(), shared_by_all(id))).collect();
        let is_named = is_anonymous(client) || earlier.iter().any(|(id, _)| is_anonymous(id));
        if !is_named
            && kept.0.of_anonymous.load(Relaxed)
            && let Ok(anonymous) = Client::parse(shared::keys::ANONYMOUS)
        {
            earlier.push((anonymous, Some(Sameness::SameMoney)));
        }
        Who { client, earlier, of_release: kept.0.of_release.load(Relaxed) }
    }

    /// The id of what this client knows by an identity.
    pub fn identified(&self, identity: Identity<'_>) -> Identified {
        let former = self.earlier.iter().map(|(client, sameness)| FormerId {
            id: JobId::derived(client, identity),
            sameness: sameness.unwrap_or(Sameness::Always),
        });
        Identified { id: JobId::derived(self.client, identity), former: former.collect(), is_derived: true }
    }

    /// Adds what release 0.1 derived from `name`.
    pub fn add_of_release(&self, identified: &mut Identified, name: &str, sameness: Sameness) {
        if !self.of_release {
            return;
        }
        let own = std::iter::once((self.client, None));
        let earlier = self.earlier.iter().map(|(client, stricter)| (client, *stricter));
        for (client, stricter) in own.chain(earlier) {
            let id = JobId::of_former_release(client, name);
            if identified.former.iter().all(|former| former.id != id) {
                identified.former.push(FormerId { id, sameness: stricter.unwrap_or(sameness) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: &str) -> Client {
        Client::parse(id).unwrap()
    }

    #[test]
    fn a_fleet_that_has_keys_from_now_on_knows_the_jobs_of_before() {
        let (acme, old, anonymous) = (client("acme"), client("acme-old"), client("anonymous"));
        let identity = Identity::Key("k");
        let former = |client: &Client, earlier: &[Client], of_anonymous| {
            let kept = FormerIdsKept::unknown();
            kept.set(FormerIds { of_release: false, of_anonymous });
            Who::new(client, earlier, kept).identified(identity).former
        };
        let of = |client, sameness| FormerId { id: JobId::derived(client, identity), sameness };
        assert_eq!(former(&acme, &[], false), []);
        assert_eq!(former(&acme, &[], true), [of(&anonymous, Sameness::SameMoney)]);
        assert_eq!(former(&anonymous, &[], true), [], "it is its own id");
        let earlier = [old.clone(), anonymous.clone()];
        let expected = [of(&old, Sameness::Always), of(&anonymous, Sameness::SameMoney)];
        assert_eq!(former(&acme, &earlier, true), expected);
    }
}
