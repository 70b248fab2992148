//! Those who publish to the embedded queue, and those who take from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::lane::Lane;
use jiff::Timestamp;
use queue::work::WorkQueue as _;
use queue::{DeadLetter, Queue as _, QueueError, Subscription};

use super::known::{Known, Name};
use super::life::{Life, Lives};
use crate::world::World;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a consumer waits for a message.
const LOOK: Duration = Duration::from_millis(200);

/// Asks the process that there is; `None` where there is none, or it ends, or does not answer.
async fn ask<T>(lives: &Lives, request: impl AsyncFnOnce(&Life) -> T) -> Option<T> {
    let life = lives.current()?;
    let (process, world) = (life.process.clone(), lives.world());
    let patience = if world.percent(10) { world.millis(1, 100) } else { PATIENCE };
    let answered = async {
        let answer = request(&life).await;
        life.process.gate().await;
        answer
    };
    tokio::select! {
        biased;
        answer = answered => Some(answer),
        () = process.ended() => None,
        () = world.pass(patience) => None,
    }
}

/// Publishes `count` messages, one after the other, each until it is accepted or he is tired of it.
pub async fn publish(lives: Lives, known: Known, lane: Lane, client: u32, count: u32) {
    let world = lives.world().clone();
    for number in 0..count {
        world.pass(world.millis(0, 400)).await;
        let name = Name { lane, client, number };
        loop {
            known.attempt(name);
            let published = ask(&lives, async |life: &Life| match lane {
                Lane::NONE => life.queue.publish_work(name.envelope()).await,
                lane => life.queue.publish(lane, name.envelope(), 1).await,
            });
            if matches!(published.await, Some(Ok(()))) {
                known.accept(name);
                world.note(format_args!("message {name} is accepted"));
                break;
            }
            world.pass(world.millis(20, 500)).await;
            if world.percent(5) {
                break;
            }
        }
    }
}

/// Keeps letters, and has some discarded.
pub async fn keep_letters(lives: Lives, known: Known, count: u32) {
    let world = lives.world().clone();
    for number in 0..count {
        world.pass(world.millis(0, 800)).await;
        let id = format!("letter-{number}");
        let letter = DeadLetter {
            id: id.clone(),
            lane: Lane(0),
            cause: "none".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            payload: id.clone().into(),
        };
        let kept = ask(&lives, async |life: &Life| life.queue.dead_letter(letter).await).await;
        if matches!(kept, Some(Ok(()))) {
            known.keep(&id);
        }
        if world.percent(30)
            && let Some(id) = known.discard_one()
        {
            let discarded = ask(&lives, async |life: &Life| life.queue.discard_dead_letter(&id).await).await;
            if matches!(discarded, Some(Ok(false))) {
                world.wrong(format_args!("letter {id} was kept and cannot be discarded"));
            }
        }
    }
}

/// Takes from a lane of one life, or work, until that ends.
pub async fn consume(life: Arc<Life>, known: Known, lane: Lane, acknowledged: Arc<AtomicU64>) {
    let world = life.process.world().clone();
    while !life.over.is_cancelled() {
        let prefetch = 1 + u16::try_from(world.below(5)).unwrap_or_default();
        let subscribed = match lane {
            Lane::NONE => life.queue.take_work().await,
            lane => life.queue.subscribe(lane, prefetch).await,
        };
        life.process.gate().await;
        if let Ok(mut subscription) = subscribed {
            let consumer =
                Consumer { world: &world, life: &life, known: &known, lane, acknowledged: &acknowledged };
            if let Err(failure) = consumer.take(subscription.as_mut()).await {
                world.note(format_args!("a consumer of {lane} ends: {failure}"));
            }
            subscription.close().await;
        }
        world.pass(world.millis(1, 60)).await;
        life.process.gate().await;
    }
}

struct Consumer<'c> {
    world: &'c World,
    life: &'c Life,
    known: &'c Known,
    lane: Lane,
    /// The latest delivery of the lane in this life that was acknowledged.
    acknowledged: &'c AtomicU64,
}

impl Consumer<'_> {
    /// Takes messages and acknowledges them, until it has enough of it.
    async fn take(&self, subscription: &mut dyn Subscription) -> Result<(), QueueError> {
        let (mut in_hand, mut newest) = (Vec::new(), 0);
        let at_once = if self.lane == Lane::NONE { 1 } else { 1 + self.world.below(4) as usize };
        while !self.world.percent(2) {
            let next = tokio::time::timeout(LOOK, subscription.next()).await;
            self.life.process.gate().await;
            let is_idle = next.is_err();
            if let Ok(delivery) = next {
                let delivery = delivery?;
                let tag = delivery.tag.0;
                let is_in_order = tag > newest && tag > self.acknowledged.load(Ordering::Relaxed);
                if self.lane != Lane::NONE && !is_in_order {
                    self.world.wrong(format_args!("{} hands out number {tag} behind {newest}", self.lane));
                }
                newest = tag;
                if let Some(name) = self.known.came(&delivery.envelope, tag) {
                    in_hand.push((name, delivery.tag));
                }
            }
            if in_hand.len() >= at_once || (is_idle && !in_hand.is_empty()) {
                self.world.pass(self.world.millis(0, 30)).await;
                self.life.process.gate().await;
                if self.world.percent(10) {
                    // It gives the lane back with what it has in hand.
                    return Ok(());
                }
                let Some((_, through)) = in_hand.last().copied() else { continue };
                in_hand.drain(..).for_each(|(name, of)| self.known.finish(name, of.0));
                self.acknowledged.fetch_max(through.0, Ordering::Relaxed);
                subscription.ack_through(through).await?;
                self.life.process.gate().await;
            }
        }
        Ok(())
    }
}
