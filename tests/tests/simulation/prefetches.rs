//! What the database keeps of the lanes' prefetches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::lane::Lane;
use store::StoreError;
use store::prefetches::{Noted, Prefetches};

use crate::database::Database;
use crate::world::{Process, World, lock};

/// Shared by all processes.
#[derive(Clone)]
pub struct KeptPrefetches {
    world: World,
    database: Database,
    /// Of a lane of which nothing was noted.
    first: u16,
    lanes: Arc<Mutex<BTreeMap<Lane, (u16, u64)>>>,
}

impl KeptPrefetches {
    /// Every lane has had this one.
    pub fn new(world: &World, database: &Database, first: u16) -> KeptPrefetches {
        KeptPrefetches { world: world.clone(), database: database.clone(), first, lanes: Arc::default() }
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
    /// Asks the database, on the way there and back, unless it takes no writes.
    async fn ask<T>(
        &self,
        answer: impl FnOnce(&mut BTreeMap<Lane, (u16, u64)>) -> T,
    ) -> Result<T, StoreError> {
        let KeptPrefetches { world, database, lanes, .. } = &self.kept;
        self.process.gate().await;
        world.pass(world.millis(0, 3)).await;
        if !database.takes_writes().await {
            return Err(StoreError::Transient("the database takes no writes".to_owned()));
        }
        let answer = answer(&mut lock(lanes));
        world.pass(world.millis(0, 3)).await;
        self.process.gate().await;
        Ok(answer)
    }
}

#[async_trait]
impl Prefetches for PrefetchesOf {
    async fn note(&self, lane: Lane, wanted: u16, _: u16) -> Result<Noted, StoreError> {
        let first = self.kept.first;
        self.ask(|lanes| {
            let (largest, version) = lanes.entry(lane).or_insert((first, 0));
            (*largest, *version) = ((*largest).max(wanted), *version + 1);
            Noted { prefetch_messages: *largest, record: version.to_string() }
        })
        .await
    }

    async fn largest(&self, lane: Lane) -> Result<Option<u16>, StoreError> {
        self.ask(|lanes| lanes.get(&lane).map(|(largest, _)| *largest)).await
    }

    async fn lower(&self, lane: Lane, noted: &Noted, wanted: u16) -> Result<(), StoreError> {
        let world = &self.kept.world;
        self.ask(|lanes| {
            if let Some((largest, version)) = lanes.get_mut(&lane)
                && noted.record == version.to_string()
            {
                (*largest, *version) = (wanted, *version + 1);
                world.note(format_args!("{lane} may have {wanted} messages handed out from now on"));
            }
        })
        .await
    }
}
