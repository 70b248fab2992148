//! Who submits a job, and the ids that its jobs had before.

use std::sync::{Arc, OnceLock};

use domain::id::{FormerId, Sameness};
use domain::id::{Identity, JobId};
use domain::text::Client;
use store::ledger::FormerIds;

use super::Identified;

/// Which former ids the ledger may hold. Until the ledger has answered, all: jobs are accepted while it is
/// away.
#[derive(Debug, Clone, Default)]
pub struct FormerIdsKept(Arc<OnceLock<FormerIds>>);

impl FormerIdsKept {
    /// The ledger has answered.
    pub fn set(&self, ids: FormerIds) {
        // It is asked until it has answered once.
        let _ = self.0.set(ids);
    }

    /// Whether it has.
    pub fn are_known(&self) -> bool {
        self.0.get().is_some()
    }

    fn of_release(&self) -> bool {
        self.0.get().is_none_or(|ids| ids.of_release)
    }

    fn of_anonymous(&self) -> bool {
        self.0.get().is_none_or(|ids| ids.of_anonymous)
    }

    fn of_client(&self, client: &Client) -> &[Client] {
        let ids = self.0.get().and_then(|ids| ids.of_clients.get(client));
        ids.map_or(&[], Vec::as_slice)
    }

    #[cfg(test)]
    pub fn none() -> FormerIdsKept {
        let kept = FormerIdsKept::default();
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
    /// A client with the earlier ids that its keys list, and with those under which they were known.
    pub fn new(client: &'a Client, listed: &[Client], kept: &FormerIdsKept) -> Who<'a> {
        let is_anonymous = |id: &Client| id.as_str() == domain::text::ANONYMOUS;
        let shared_by_all = |id: &Client| is_anonymous(id).then_some(Sameness::SameMoney);
        let other = |id: &&Client| *id != client && !listed.contains(id);
        let earlier = listed.iter().chain(kept.of_client(client).iter().filter(other));
        let mut earlier: Vec<_> = earlier.map(|id| (id.clone(), shared_by_all(id))).collect();
        let is_named = is_anonymous(client) || earlier.iter().any(|(id, _)| is_anonymous(id));
        if !is_named
            && kept.of_anonymous()
            && let Ok(anonymous) = Client::parse(domain::text::ANONYMOUS)
        {
            earlier.push((anonymous, Some(Sameness::SameMoney)));
        }
        Who { client, earlier, of_release: kept.of_release() }
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
        let [acme, old, anonymous, renamed] = ["acme", "acme-old", "anonymous", "acme-ltd"].map(client);
        let identity = Identity::Key("k");
        let former = |client: &Client, earlier: &[Client], of_anonymous| {
            let of_clients = [(acme.clone(), vec![renamed.clone()])].into();
            let kept = FormerIdsKept::default();
            kept.set(FormerIds { of_release: false, of_anonymous, of_clients });
            Who::new(client, earlier, &kept).identified(identity).former
        };
        let of = |client, sameness| FormerId { id: JobId::derived(client, identity), sameness };
        let was_renamed = of(&renamed, Sameness::Always);
        assert_eq!(former(&acme, &[], false), [was_renamed]);
        assert_eq!(former(&acme, &[], true), [was_renamed, of(&anonymous, Sameness::SameMoney)]);
        assert_eq!(former(&anonymous, &[], true), [], "it is its own id");
        let earlier = [old.clone(), anonymous.clone()];
        let expected = [of(&old, Sameness::Always), of(&anonymous, Sameness::SameMoney), was_renamed];
        assert_eq!(former(&acme, &earlier, true), expected);
    }
}
