//! What every request can reach.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use contract::report::{Counts, LaneCounts, Role, Trouble, TroubleKind};
use domain::lane::Lanes;
use domain::text::Client;
use fleet::reporter::{Instruments, Reporter, Vitals};
use fleet::{Bus, Topic};
use queue::Queue;
use queue::publisher::Publisher;
use runtime::addresses::AllowedPrivate;
use runtime::work_pool::WorkPool;
use store::analyses::Analyses;
use store::audit_log::AuditLog;
use store::imports::Imports;
use store::keys::ApiKeys;
use store::ledger::Ledger;
use store::webhooks::Webhooks;
use tellers_http::keys::KeyRing;
use tellers_http::tls::ServerTls;
use tellers_http::trail::Trail;
use tokio_util::sync::CancellationToken;
use webhooks::Sender;

use crate::admission::Admission;
use crate::events::Feed;
use crate::identity::{FormerIdsKept, Issuer, Recent, Who};
use crate::imports::files::{Files, ImportsConfig};
use crate::wait::Replies;

/// How long a ledger may take to tell which former ids it holds.
const ASK_MAX: Duration = Duration::from_secs(2);
/// Pause between two questions to a ledger that is away.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How an ingress behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What it speaks TLS with; `None`: it speaks none.
    pub tls: Option<Arc<ServerTls>>,
    /// The keys that are taken.
    pub keys: Arc<KeyRing>,
    /// Where it is noted who was turned away, and who changed what.
    pub trail: Trail,
    /// How long clients are still accepted once it is to stop: until a load balancer has noticed.
    pub stop_pause: Duration,
    /// The longest that a client may wait for an outcome.
    pub wait_max: Duration,
    /// What imports may take.
    pub imports: ImportsConfig,
    /// Private addresses that webhook endpoints may have.
    pub webhook_allow_private: AllowedPrivate,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls: None,
            keys: Arc::default(),
            trail: Trail::none(),
            stop_pause: Duration::ZERO,
            // Just below what proxies commonly cut off.
            wait_max: Duration::from_secs(60),
            imports: ImportsConfig::default(),
            webhook_allow_private: AllowedPrivate::default(),
        }
    }
}

/// What an ingress is made of. Its owner closes them after [`crate::run`] has returned.
#[derive(Clone)]
pub struct Parts {
    /// Puts jobs on the lanes.
    pub publisher: Arc<Publisher>,
    /// The queue behind it.
    pub queue: Arc<dyn Queue>,
    /// The ledger, to read from.
    pub ledger: Arc<dyn Ledger>,
    /// What is known of imports.
    pub imports: Arc<dyn Imports>,
    /// What patterns are kept in.
    pub analyses: Arc<dyn Analyses>,
    /// Where keys are made and revoked.
    pub api_keys: Arc<dyn ApiKeys>,
    /// Who was turned away, and who changed what.
    pub audit_log: Arc<dyn AuditLog>,
    /// Webhook endpoints.
    pub webhooks: Arc<dyn Webhooks>,
    /// On which workers tell of outcomes.
    pub bus: Arc<dyn Bus>,
    /// Where files are written and read.
    pub io: WorkPool,
    /// How many lanes the fleet has.
    pub lanes: Lanes,
    /// This replica's id.
    pub replica: String,
    /// What it measures and is set to.
    pub instruments: Instruments,
}

/// A running ingress: its parts, and what its requests share.
pub struct Ingress {
    pub(crate) config: Config,
    pub(crate) parts: Parts,
    pub(crate) admission: Admission,
    pub(crate) replies: Replies,
    pub(crate) issuer: Issuer,
    pub(crate) recent: Recent,
    pub(crate) former_ids: FormerIdsKept,
    pub(crate) imports: Files,
    pub(crate) events: Arc<Feed>,
    pub(crate) webhook_sender: Sender,
    pub(crate) shutdown: CancellationToken,
    /// Jobs that were not accepted.
    pub(crate) refused: AtomicU64,
}

impl Ingress {
    /// Puts one together; `shutdown` lets waiting clients go with what is known.
    ///
    /// # Errors
    /// The machine gives no random numbers, or there is no client of HTTP to be had.
    pub fn new(config: Config, parts: Parts, shutdown: CancellationToken) -> anyhow::Result<Arc<Ingress>> {
        let admission = Admission::new(parts.instruments.settings.clone());
        let issuer = Issuer::new()?;
        let replies = Replies::default();
        let refused = AtomicU64::new(0);
        let imports = Files::new(config.imports.clone());
        let events = Feed::new(parts.queue.clone());
        let webhook_sender = Sender::new(config.webhook_allow_private.clone())?;
        let (recent, former_ids) = (Recent::new(), FormerIdsKept::default());
        let ingress = Ingress {
            config,
            parts,
            admission,
            replies,
            issuer,
            recent,
            former_ids,
            imports,
            events,
            webhook_sender,
            shutdown,
            refused,
        };
        Ok(Arc::new(ingress))
    }

    /// A client, with the ids that its jobs may have had before.
    pub(crate) fn who<'a>(&self, client: &'a Client) -> Who<'a> {
        Who::new(client, self.config.keys.earlier_ids(client), &self.former_ids)
    }

    /// Asks the ledger which former ids it holds, for a moment: a ledger that is away stops nobody from accepting jobs.
    pub async fn ask_former_ids(&self) {
        let clients = self.config.keys.fixed_clients();
        match tokio::time::timeout(ASK_MAX, self.parts.ledger.former_ids(&clients)).await {
            Ok(Ok(ids)) => self.former_ids.set(ids),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the ledger has not yet answered which former ids it holds")
            }
            Err(_) => tracing::debug!("the ledger has not yet answered which former ids it holds"),
        }
    }

    /// Asks again until the ledger has answered, or the ingress is shut down.
    pub async fn learn_former_ids(&self) {
        while !self.former_ids.are_known() {
            tokio::select! {
                () = tokio::time::sleep(ASK_EVERY) => self.ask_former_ids().await,
                () = self.shutdown.cancelled() => return,
            }
        }
    }

    /// Receives what workers say of outcomes and of their lanes, until the ingress is shut down.
    pub async fn receive(&self) {
        let inbox = self.parts.bus.inbox(&self.parts.replica).await;
        let reports = self.parts.bus.listen(Topic::Report).await;
        tokio::select! {
            ((), ()) = async { tokio::join!(self.replies.receive(inbox, &self.recent), self.admission.receive(reports)) } => (),
            () = self.shutdown.cancelled() => (),
        }
    }

    /// Tells the fleet how this ingress is and where it listens, each second, until it has `ended`: what it accepts
    /// while it stops counts too.
    pub async fn report(
        self: Arc<Ingress>,
        address: Option<SocketAddr>,
        tls: bool,
        ended: CancellationToken,
    ) {
        let reporter = Reporter {
            bus: self.parts.bus.clone(),
            role: Role::Api,
            replica: self.parts.replica.clone(),
            address,
            tls,
            instruments: self.parts.instruments.clone(),
        };
        let trouble = || async {
            let queue = self.parts.queue.ready().await.err().map(Trouble::from);
            queue.or_else(|| {
                let refused = self.parts.ledger.refusal()?;
                Some(Trouble { kind: TroubleKind::LedgerNotDurable, what: refused.to_string() })
            })
        };
        let vitals = || {
            let accepted = self.parts.publisher.jobs_of_lanes().into_iter();
            let lane_counts =
                accepted.map(|(lane, accepted)| (lane, LaneCounts { accepted, unrecorded: 0 })).collect();
            Vitals { counts: self.counts(), lane_counts, lanes: Vec::new() }
        };
        reporter.report_each_second(vitals, trouble, ended).await;
    }

    fn counts(&self) -> Counts {
        let published = self.parts.publisher.counts();
        Counts {
            accepted: published.jobs,
            refused: self.refused.load(Relaxed),
            published_jobs: published.jobs,
            published_messages: published.messages,
            ..Counts::default()
        }
    }
}
