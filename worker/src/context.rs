//! What the tasks of a worker share, and what it is made of.

use std::sync::Arc;

use domain::lane::Lanes;
use fleet::Bus;
use fleet::reporter::Instruments;
use fleet::settings::Settings;
use queue::Queue;
use queue::publisher::Publisher;
use runtime::work_pool::WorkPool;
use store::analyses::Analyses;
use store::ledger::Ledger;
use store::prefetches::Prefetches;
use store::records::Records;
use store::schedules::Schedules;
use store::standing_orders::StandingOrders;
use tokio::sync::watch;

use crate::events::Announcer;
use crate::figures::Figures;
use crate::poster::Poster;
use crate::webhooks::WebhookParts;

/// What a worker works with.
#[derive(Clone)]
pub struct Parts {
    /// Where jobs come from.
    pub queue: Arc<dyn Queue>,
    /// Where they go.
    pub ledger: Arc<dyn Ledger>,
    /// How many messages of a lane may come back.
    pub prefetches: Arc<dyn Prefetches>,
    /// What patterns are kept in.
    pub analyses: Arc<dyn Analyses>,
    /// Where they are computed.
    pub cpu: WorkPool,
    /// Where changes of settings are kept; `None`: nobody changes any.
    pub records: Option<Arc<dyn Records>>,
    /// What waits for its day; `None`: nothing does.
    pub schedules: Option<Arc<dyn Schedules>>,
    /// The standing orders; `None`: there are none.
    pub standing_orders: Option<Arc<dyn StandingOrders>>,
    /// What webhooks take; `None`: none are sent.
    pub webhooks: Option<WebhookParts>,
    /// How replicas find each other.
    pub bus: Arc<dyn Bus>,
    /// For the jobs that the fleet submits itself.
    pub publisher: Arc<Publisher>,
    /// The fleet's lanes.
    pub lanes: Lanes,
    /// This replica's id.
    pub replica: String,
    /// What it measures and is set to.
    pub instruments: Instruments,
}

/// What the tasks of one worker share.
pub(crate) struct Shared {
    pub parts: Parts,
    pub settings: watch::Receiver<Arc<Settings>>,
    pub poster: Poster,
    pub announcer: Announcer,
    pub figures: Arc<Figures>,
}

impl Shared {
    pub fn new(parts: Parts) -> Shared {
        let settings = parts.instruments.settings.subscribe();
        let figures = Arc::new(Figures::new(parts.lanes));
        let poster = Poster::start(parts.ledger.clone(), settings.clone(), figures.clone());
        let announcer = Announcer::start(parts.queue.clone(), figures.clone());
        Shared { settings, poster, announcer, figures, parts }
    }
}
