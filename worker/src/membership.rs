//! Who else works, and which lanes are this replica's share.
//!
//! Every worker tells the others several times a second that it is there and which lanes it serves;
//! each works out the same shares from the same news. Views may differ for a moment, which costs
//! balance and never order: of several consumers of a lane, the queue keeps one active.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::report::Presence;
use domain::lane::Lane;
use fleet::Topic;
use fleet::assignment::assign;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::context::Shared;

/// How often a worker says that it is there.
const PRESENCE_INTERVAL: Duration = Duration::from_millis(300);
/// Silent for so long, a worker counts as lost: three times no presence came, and the rest of the two seconds
/// within which its lanes are served again goes to subscribing.
const SILENCE_MAX: Duration = Duration::from_millis(1_200);
/// How long a newcomer listens before it takes lanes, so that it does not start by taking all.
const LISTEN_FIRST: Duration = Duration::from_millis(700);
const _: () = assert!(LISTEN_FIRST.as_millis() > 2 * PRESENCE_INTERVAL.as_millis());
const _: () = assert!(SILENCE_MAX.as_millis() > 3 * PRESENCE_INTERVAL.as_millis());

struct Peer {
    lanes: BTreeSet<Lane>,
    received_at: Instant,
}

/// Keeps `share` at the lanes that this replica is to serve, until `shutdown`; then says goodbye.
pub(crate) async fn keep(
    shared: Arc<Shared>,
    share: watch::Sender<BTreeSet<Lane>>,
    shutdown: CancellationToken,
) {
    let bus = &shared.parts.bus;
    let me = &shared.parts.replica;
    let mut news = bus.listen(Topic::Presence).await;
    let mut peers: BTreeMap<String, Peer> = BTreeMap::new();
    let mut interval = tokio::time::interval(PRESENCE_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let joined_at = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            _ = interval.tick() => {
                let lanes = share.borrow().iter().copied().collect();
                let presence = Presence { replica: me.clone(), lanes, leaving: false };
                announce(&shared, &presence).await;
                forget_the_silent(&mut peers, bus.connected_since());
            }
            message = news.recv() => match message {
                Ok(message) => note(&mut peers, &message, me),
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => news = bus.listen(Topic::Presence).await,
            },
        }
        if joined_at.elapsed() >= LISTEN_FIRST {
            take_share(&shared, &peers, &share);
        }
    }
    announce(&shared, &Presence { replica: me.clone(), lanes: Vec::new(), leaving: true }).await;
}

async fn announce(shared: &Shared, presence: &Presence) {
    match serde_json::to_vec(presence) {
        Ok(json) => shared.parts.bus.broadcast(Topic::Presence, Bytes::from(json)).await,
        Err(error) => warn!(%error, "a presence could not be written"),
    }
}

fn note(peers: &mut BTreeMap<String, Peer>, message: &[u8], me: &str) {
    let presence: Presence = match serde_json::from_slice(message) {
        Ok(presence) => presence,
        Err(error) => {
            return warn!(%error, "a message among the presences is none; is another program on the bus?");
        }
    };
    if presence.replica == me {
        return;
    }
    if presence.leaving {
        if peers.remove(&presence.replica).is_some() {
            info!(replica = presence.replica, "a worker left");
        }
        return;
    }
    let peer = Peer { lanes: presence.lanes.into_iter().collect(), received_at: Instant::now() };
    if peers.insert(presence.replica.clone(), peer).is_none() {
        info!(replica = presence.replica, "a worker joined");
    }
}

/// Silence means something only while the bus has been up for as long.
fn forget_the_silent(peers: &mut BTreeMap<String, Peer>, connected_since: Option<Instant>) {
    if connected_since.is_none_or(|since| since.elapsed() < SILENCE_MAX) {
        return;
    }
    peers.retain(|replica, peer| {
        let lost = peer.received_at.elapsed() >= SILENCE_MAX;
        if lost {
            warn!(replica, lanes = peer.lanes.len(), "a worker was lost; its lanes are taken over");
        }
        !lost
    });
}

fn take_share(shared: &Shared, peers: &BTreeMap<String, Peer>, share: &watch::Sender<BTreeSet<Lane>>) {
    let me = &shared.parts.replica;
    let mut held: BTreeMap<String, BTreeSet<Lane>> =
        peers.iter().map(|(replica, peer)| (replica.clone(), peer.lanes.clone())).collect();
    held.insert(me.clone(), share.borrow().clone());
    let mine = assign(shared.parts.lanes, &held).remove(me).unwrap_or_default();
    share.send_if_modified(|lanes| {
        let changed = *lanes != mine;
        if changed {
            info!(lanes = mine.len(), workers = held.len(), "this worker's share of the lanes changed");
            *lanes = mine;
        }
        changed
    });
}
