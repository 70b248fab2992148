//! Who is let into a process: its keys, which follow those in the database, and the audit log.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use fleet::config::AccessConfig;
use store::audit_log::AuditLog;
use tellers_http::keys::{KeyRing, Keys};
use tellers_http::trail::{Events, Trail};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::parts::Parts;

/// How long a start waits for the database to say which keys there are. Where it does not, who has a fixed key is let in,
/// and the others once it has.
const FIRST_LOOK_MAX: Duration = Duration::from_secs(3);

/// What a process lets in by.
pub(crate) struct Access {
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) trail: Trail,
    events: Events,
}

/// What keeps it up to date.
pub(crate) struct Following {
    keys: JoinHandle<()>,
    trail: JoinHandle<()>,
}

impl Access {
    /// That of a process that listens at these addresses, with the keys as the database has them now, if it answers.
    pub(crate) async fn open(
        config: &AccessConfig,
        parts: &Parts,
        addresses: &[SocketAddr],
    ) -> anyhow::Result<Access> {
        let fixed = Keys::parse(config.api_keys.as_deref().unwrap_or_default());
        let ring = KeyRing::new(fixed.context("API_KEYS cannot be read")?, config.allow_anonymous);
        let ring = addresses.iter().fold(ring, |ring, address| ring.at(*address));
        ring.look_for(&*parts.api_keys, FIRST_LOOK_MAX).await;
        let (trail, events) = Trail::new();
        Ok(Access { keys: Arc::new(ring), trail, events })
    }

    /// Follows the keys in the database, and writes the audit log, until `shutdown`.
    pub(crate) fn follow(self, parts: &Parts, shutdown: &CancellationToken) -> Following {
        let audit_log: Arc<dyn AuditLog> = parts.audit_log.clone();
        let follow = tokio::spawn(self.keys.follow(parts.api_keys.clone(), shutdown.clone()));
        let ends = shutdown.clone();
        let keys = tokio::spawn(async move {
            let ended = follow.await;
            if !ends.is_cancelled() {
                // Without it a revoked key would be taken for ever.
                tracing::error!(?ended, "following the API keys broke off; this process ends");
                ends.cancel();
            }
        });
        Following { keys, trail: tokio::spawn(self.events.write(audit_log, shutdown.clone())) }
    }
}

impl Following {
    /// Waits until the last of it is written.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        self.keys.await.context("following the keys broke off")?;
        self.trail.await.context("writing the audit log broke off")
    }
}
