//! Every key that a replica takes: the fixed ones, and those in the database, which it holds in memory.
//!
//! | the database | who is let in |
//! |---|---|
//! | answers | whoever has a key of either kind; where there never was one, whoever is on this machine |
//! | is away | the same as when it answered last |
//! | has not answered yet | whoever has a fixed key; all others are to come back |

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::ensure;
use axum::http::HeaderMap;
use domain::text::Client;
use runtime::clock;
use store::StoreError;
use store::keys::ApiKeys;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::{Caller, Denied, Key, Keys, anonymous, presented};

/// How often a replica looks whether a key changed: a change is effective everywhere within twice that.
const LOOK_EVERY: Duration = Duration::from_millis(900);
/// How long a look may take; a database that hangs is away.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// How often it is noted which keys were used.
const NOTE_USES_EVERY: Duration = Duration::from_secs(60);
/// How long that may take: meanwhile no change is seen.
const NOTE_USES_MAX: Duration = Duration::from_millis(500);

/// The keys that this process takes.
#[derive(Debug)]
pub struct KeyRing {
    fixed: HashMap<[u8; 32], Arc<Key>>,
    /// Whether, without keys, more than this machine is answered.
    allow_anonymous: bool,
    /// Whether the listener is reached from this machine alone.
    on_loopback: bool,
    anonymous: Option<Arc<Key>>,
    stored: RwLock<Stored>,
}

#[derive(Debug, Clone)]
enum Stored {
    /// The database has not answered yet.
    Unknown,
    /// As it answered last.
    Known(Arc<Known>),
}

#[derive(Debug, Default)]
struct Known {
    /// `None`: there never was a key.
    version: Option<String>,
    by_hash: HashMap<[u8; 32], Arc<Key>>,
    /// The ids of those that were revoked.
    revoked: HashSet<String>,
}

/// What is known of who may come.
enum Asked<'a> {
    /// There are keys.
    Keys(&'a Known),
    /// There never was one.
    Nobody,
    /// Whether there are any is not known.
    Unknown,
}

impl From<Keys> for KeyRing {
    /// Those keys, and none in a database.
    fn from(fixed: Keys) -> KeyRing {
        let ring = KeyRing::new(fixed, false);
        ring.set(Known::default());
        ring
    }
}

impl Default for KeyRing {
    /// Nobody is asked for a key.
    fn default() -> KeyRing {
        Keys::default().into()
    }
}

impl KeyRing {
    /// These keys, and those of a database that has not answered yet. `allow_anonymous` answers whoever reaches the
    /// listener, too, where there are no keys.
    pub fn new(fixed: Keys, allow_anonymous: bool) -> KeyRing {
        KeyRing {
            fixed: fixed.into_keys().map(|(hash, key)| (hash, Arc::new(key))).collect(),
            allow_anonymous,
            on_loopback: true,
            anonymous: Key::anonymous().map(Arc::new),
            stored: RwLock::new(Stored::Unknown),
        }
    }

    /// The same for a listener at this address.
    #[must_use]
    pub fn at(self, address: SocketAddr) -> KeyRing {
        KeyRing { on_loopback: self.on_loopback && address.ip().is_loopback(), ..self }
    }

    /// Who sends a request.
    ///
    /// # Errors
    /// They may do nothing here.
    pub fn identify(&self, headers: &HeaderMap) -> Result<Caller, Denied> {
        let stored = self.stored();
        let hash = presented(headers).map(|key| *blake3::hash(key).as_bytes());
        if let Some(key) = hash.and_then(|hash| self.fixed.get(&hash)) {
            return Ok(Caller(key.clone()));
        }
        match self.asked(&stored) {
            Asked::Keys(known) => {
                let key = known.by_hash.get(&hash.ok_or(Denied::NoKey)?).ok_or(Denied::UnknownKey)?;
                let now = clock::now_us();
                key.check(now)?;
                key.used_at.fetch_max(now, Relaxed);
                Ok(Caller(key.clone()))
            }
            Asked::Nobody => self.stranger(headers),
            Asked::Unknown if hash.is_none() && !self.fixed.is_empty() => Err(Denied::NoKey),
            Asked::Unknown => Err(Denied::KeysUnknown),
        }
    }

    /// Turns away who may do nothing at all where there are no keys: pages of other sites, and who is not of this machine.
    ///
    /// # Errors
    /// They may not.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Denied> {
        match self.asked(&self.stored()) {
            Asked::Keys(_) => Ok(()),
            Asked::Nobody | Asked::Unknown if !self.fixed.is_empty() => Ok(()),
            Asked::Nobody | Asked::Unknown => {
                anonymous::check(headers, !self.allow_anonymous && self.on_loopback)
            }
        }
    }

    fn stranger(&self, headers: &HeaderMap) -> Result<Caller, Denied> {
        if !self.on_loopback && !self.allow_anonymous {
            return Err(Denied::NoKeysYet);
        }
        anonymous::check(headers, !self.allow_anonymous)?;
        self.anonymous.clone().map(Caller).ok_or(Denied::NoKey)
    }

    fn asked<'a>(&self, stored: &'a Stored) -> Asked<'a> {
        match stored {
            Stored::Unknown => Asked::Unknown,
            Stored::Known(known) if self.fixed.is_empty() && known.version.is_none() => Asked::Nobody,
            Stored::Known(known) => Asked::Keys(known),
        }
    }

    /// Whether it is known that nobody is asked for a key.
    pub fn asks_nobody(&self) -> bool {
        matches!(self.asked(&self.stored()), Asked::Nobody)
    }

    /// Whether somebody may come: fixed keys, or what the database said.
    pub fn is_known(&self) -> bool {
        !self.fixed.is_empty() || matches!(self.stored(), Stored::Known(_))
    }

    /// Whether a key that was taken before is taken still: what goes on for long asks again.
    pub fn still_takes(&self, caller: &Caller) -> bool {
        match (&caller.hash, self.stored()) {
            (Some(hash), Stored::Known(known)) => {
                known.by_hash.get(hash).is_some_and(|key| key.check(clock::now_us()).is_ok())
            }
            (Some(_), Stored::Unknown) => true,
            (None, _) => !caller.is_anonymous() || self.asks_nobody(),
        }
    }

    /// Whether the key of this id was revoked.
    pub fn is_revoked(&self, id: &str) -> bool {
        matches!(self.stored(), Stored::Known(known) if known.revoked.contains(id))
    }

    /// Every fixed key, by a hash that tells nothing of it, with its client.
    pub fn fixed_clients(&self) -> Vec<([u8; 32], Client)> {
        let clients =
            self.fixed.iter().map(|(hash, key)| (*blake3::hash(hash).as_bytes(), key.client.clone()));
        clients.collect()
    }

    /// Every client that is known by a key, whether or not the key is still taken, and by an id that it had before.
    pub fn clients(&self) -> BTreeSet<Client> {
        let stored = self.stored();
        let of_database = match &stored {
            Stored::Known(known) => Some(known.by_hash.values()),
            Stored::Unknown => None,
        };
        let keys = self.fixed.values().chain(of_database.into_iter().flatten()).chain(&self.anonymous);
        keys.flat_map(|key| std::iter::once(&key.client).chain(&key.earlier)).cloned().collect()
    }

    /// The ids that a client had before this one, as its fixed keys list them.
    pub fn earlier_ids(&self, client: &Client) -> &[Client] {
        let key = self.fixed.values().find(|key| key.client == *client);
        key.map_or(&[], |key| key.earlier.as_slice())
    }

    /// Looks whether any key changed, and takes over what did. Returns whether something did.
    ///
    /// # Errors
    /// The database did not answer: what was known stays.
    pub async fn look(&self, keys: &dyn ApiKeys) -> Result<bool, StoreError> {
        // Before the keys: what changes between the two reads shows the next time.
        let version = keys.version_of_keys().await?;
        if let Stored::Known(known) = self.stored() {
            if known.version == version {
                return Ok(false);
            }
            if version.is_none() {
                // Keys are never removed: whoever emptied the table, or put an older one there, does not open the fleet.
                return Err(StoreError::Permanent(
                    "there were API keys, and the database has none now".to_owned(),
                ));
            }
        }
        let mut known = Known { version, ..Known::default() };
        if known.version.is_some() {
            for stored in keys.all_keys().await? {
                known.by_hash.insert(stored.hash, Arc::new(Key::from(&stored)));
                if stored.revoked_at.is_some() {
                    known.revoked.insert(stored.id);
                }
            }
        }
        self.set(known);
        Ok(true)
    }

    /// Asks the database for a moment: one that is away stops nobody who has a fixed key.
    pub async fn look_for(&self, keys: &dyn ApiKeys, at_most: Duration) {
        match timeout(at_most, self.look(keys)).await {
            Ok(Ok(_)) => (),
            Ok(Err(error)) => tracing::warn!(%error, "which API keys there are could not be read"),
            Err(_) => tracing::warn!("the database has not said within {at_most:?} which API keys there are"),
        }
    }

    /// Follows the keys in the database until `shutdown`, and notes there which were used.
    pub async fn follow(self: Arc<KeyRing>, keys: Arc<dyn ApiKeys>, shutdown: CancellationToken) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut is_away, mut noted_at, mut noted_until) = (false, Instant::now(), clock::now_us());
        loop {
            tokio::select! {
                _ = ticks.tick() => (),
                () = shutdown.cancelled() => break,
            }
            let looked = timeout(LOOK_MAX, self.look(&*keys)).await;
            let problem = match looked {
                Ok(Ok(changed)) => {
                    if changed {
                        tracing::info!("the API keys have changed");
                    }
                    None
                }
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {LOOK_MAX:?}")),
            };
            if let Some(error) = problem.as_ref().filter(|_| !is_away) {
                tracing::warn!(error, "the API keys cannot be read; those that are known go on");
            }
            is_away = problem.is_some();
            if noted_at.elapsed() >= NOTE_USES_EVERY {
                noted_at = Instant::now();
                noted_until = self.note_uses(&*keys, noted_until).await;
            }
        }
        self.note_uses(&*keys, noted_until).await;
    }

    /// Notes which keys were used since; returns until when that is noted.
    async fn note_uses(&self, keys: &dyn ApiKeys, since: i64) -> i64 {
        let now = clock::now_us();
        let Stored::Known(known) = self.stored() else { return since };
        let used = known.by_hash.values().filter_map(|key| {
            let at = key.used_at.load(Relaxed);
            (at > since).then(|| (key.id.clone(), at))
        });
        let used: Vec<_> = used.collect();
        match timeout(NOTE_USES_MAX, keys.keys_used(&used)).await {
            Ok(Ok(())) => now,
            // They are noted with those of the next minute.
            _ => since,
        }
    }

    fn stored(&self) -> Stored {
        self.stored.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, mut known: Known) {
        let mut stored = self.stored.write().unwrap_or_else(PoisonError::into_inner);
        if let Stored::Known(before) = &*stored {
            for (hash, key) in &mut known.by_hash {
                if let Some(before) = before.by_hash.get(hash) {
                    key.used_at.fetch_max(before.used_at.load(Relaxed), Relaxed);
                }
            }
        }
        *stored = Stored::Known(Arc::new(known));
    }
}

/// Refuses to listen where strangers are, where it is known that nobody would be asked for a key, unless that is allowed.
///
/// # Errors
/// The address is not a loopback address, and nobody would be asked.
pub fn check_listen(address: SocketAddr, keys: &KeyRing) -> anyhow::Result<()> {
    ensure!(
        address.ip().is_loopback() || keys.allow_anonymous || !keys.asks_nobody(),
        "will not listen on {address} without API keys: anyone who reaches it could move money or change how the fleet runs. \
         Make a key with `tellers keys create`, set API_KEYS, listen on 127.0.0.1, or set ALLOW_ANONYMOUS=true if the network is \
         yours alone"
    );
    Ok(())
}

#[cfg(test)]
mod tests;
