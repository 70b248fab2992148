//! What the database keeps of the lanes' prefetches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::lane::Lane;
use store::StoreError;
use store::prefetches::{Noted, Prefetches};

use crate::world::{Process, World, lock};

/// Shared by all processes.
#[derive(Clone)]
pub struct KeptPrefetches {
    world: World,
    /// Of a lane of which nothing was noted.
    first: u16,
    lanes: Arc<Mutex<BTreeMap<Lane, (u16, u64)>>>,
}

impl KeptPrefetches {
    /// Every lane has had this one.
    pub fn new(world: &World, first: u16) -> KeptPrefetches {
        KeptPrefetches { world: world.clone(), first, lanes: Arc::default() }
    }

    /// As one process has them.
    pub fn of(&self, process: &Process) -> Arc<dyn Prefetches> {
        Arc::new(PrefetchesOf { kept: self.clone(), process: process.clone() })
    }
}

struct PrefetchesOf {
    kept: KeptPrefetches,
    process: Process,
}

impl PrefetchesOf {
    /// The way there, or back.
    async fn pass(&self) {
        self.process.gate().await;
        self.kept.world.pass(self.kept.world.millis(0, 3)).await;
        self.process.gate().await;
    }
}

#[async_trait]
impl Prefetches for PrefetchesOf {
    async fn note(&self, lane: Lane, wanted: u16, _: u16) -> Result<Noted, StoreError> {
        self.pass().await;
        let (prefetch_messages, version) = {
            let mut lanes = lock(&self.kept.lanes);
            let (largest, version) = lanes.entry(lane).or_insert((self.kept.first, 0));
            (*largest, *version) = ((*largest).max(wanted), *version + 1);
            (*largest, *version)
        };
        self.pass().await;
        Ok(Noted { prefetch_messages, record: Some(version.to_string()) })
    }

    async fn lower(&self, lane: Lane, noted: &Noted, wanted: u16) -> Result<(), StoreError> {
        self.pass().await;
        if let Some((largest, version)) = lock(&self.kept.lanes).get_mut(&lane)
            && noted.record.as_deref() == Some(version.to_string().as_str())
        {
            (*largest, *version) = (wanted, *version + 1);
            self.kept.world.note(format_args!("{lane} may have {wanted} messages handed out from now on"));
        }
        self.pass().await;
        Ok(())
    }
}
