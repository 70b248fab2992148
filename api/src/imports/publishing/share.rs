//! The client of a file: how fast its rows may come, and whether its key is still taken.

use domain::lane::Lane;
use domain::text::Client;
use tokio::time::Instant;

use crate::admission::Admission;
use crate::context::Ingress;
use crate::imports::description::Grant;

/// Who sent a file, and until when their jobs so far are as many as may be.
pub(in crate::imports) struct ClientShare {
    client: Client,
    grant: Option<Grant>,
    used_up_until: Instant,
}

impl ClientShare {
    pub fn new(client: Client, grant: Option<Grant>) -> ClientShare {
        ClientShare { client, grant, used_up_until: Instant::now() }
    }

    /// Counts rows that are to be queued.
    pub fn count(&mut self, admission: &Admission, rows: usize) {
        let rate = self.grant.as_ref().and_then(|grant| Some((grant.key.as_str(), grant.rate?)));
        self.used_up_until = Instant::now() + admission.rows(&self.client, rate, rows);
    }

    /// Notes rows that go to a lane.
    pub fn sends(&self, admission: &Admission, lane: Lane, rows: usize) {
        admission.read(&self.client, lane, rows);
    }

    /// When more may come, unless that is now.
    pub fn more_at(&self) -> Option<Instant> {
        Some(self.used_up_until).filter(|until| *until > Instant::now())
    }

    /// Whether the key was revoked meanwhile: then nothing more is done in its name.
    pub fn is_revoked(&self, ingress: &Ingress) -> bool {
        self.grant.as_ref().is_some_and(|grant| ingress.config.keys.is_revoked(&grant.key))
    }
}
