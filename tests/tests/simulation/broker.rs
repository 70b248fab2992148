//! A broker as quorum queues are: confirmed publishes, one active consumer a lane, redelivery ahead of what is new.

mod consumer;
mod port;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use contract::envelope::{Envelope, QueuedJob};
use contract::message::JobMessage;
use domain::id::JobId;
use domain::lane::{Lane, Lanes};
use queue::{DeadLetter, Queue};
use tokio::time::Instant;

use self::consumer::{Consumer, QueueConsumer};
use self::port::QueueOf;
use crate::database::Database;
use crate::world::{Process, World, lock};

/// Shared by all processes.
#[derive(Clone)]
pub struct Broker(Arc<Shared>);

struct Shared {
    world: World,
    database: Database,
    state: Mutex<State>,
}

struct State {
    up: bool,
    /// It takes no publishes: its disk or its memory is full.
    alarmed: bool,
    /// Every lane holds as much as it may.
    full: bool,
    /// It does nothing until then.
    stalled_until: Instant,
    /// Of a hundred confirmations so many are lost, with the connection that they came by.
    confirms_lost: u32,
    lanes: Vec<LaneQueue>,
    letters: Vec<DeadLetter>,
    /// The messages of the event stream.
    events: Vec<Bytes>,
    /// How often each process has lost its connections, by the process's name.
    epochs: BTreeMap<String, u64>,
    /// When the last publish of a process to a lane is taken: a connection keeps its order.
    taken_at: BTreeMap<(String, Lane), Instant>,
    messages: u64,
    consumers: u64,
    /// Processes that were asked to end, each with when that was, and the lanes of which it has acknowledged a batch since.
    ending: BTreeMap<String, (Duration, Vec<usize>)>,
    /// Jobs of envelopes that were altered on disk.
    altered: Vec<JobId>,
}

#[derive(Default)]
struct LaneQueue {
    /// What came back, to be handed out first. It is a line of its own: what comes back again stands at its end.
    returned: VecDeque<Message>,
    ready: VecDeque<Message>,
    /// The first is the active one.
    consumers: Vec<Consumer>,
}

#[derive(Clone)]
struct Message {
    number: u64,
    envelope: Bytes,
    redelivered: bool,
    /// `None`: it was altered, and nobody can say.
    jobs: Option<Vec<JobId>>,
}

/// How a connection is cut.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// Both sides know at once.
    Both,
    /// The broker knows at once; the process believes for so long that it is still the active consumer.
    BrokerFirst(Duration),
    /// The process knows at once; the broker takes it for connected for so long.
    ProcessFirst(Duration),
}

impl Broker {
    /// One that works and is empty.
    pub fn new(world: &World, database: &Database, lanes: Lanes) -> Broker {
        let state = State {
            up: true,
            alarmed: false,
            full: false,
            stalled_until: Instant::now(),
            confirms_lost: 0,
            lanes: lanes.iter().map(|_| LaneQueue::default()).collect(),
            letters: Vec::new(),
            events: Vec::new(),
            epochs: BTreeMap::new(),
            taken_at: BTreeMap::new(),
            messages: 0,
            consumers: 0,
            ending: BTreeMap::new(),
            altered: Vec::new(),
        };
        Broker(Arc::new(Shared {
            world: world.clone(),
            database: database.clone(),
            state: Mutex::new(state),
        }))
    }

    /// As one process has it.
    pub fn of(&self, process: &Process) -> Arc<dyn Queue> {
        Arc::new(QueueOf::new(self.clone(), process.clone()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    /// Goes down, with every connection, or comes back.
    pub fn set_up(&self, up: bool) {
        let mut state = self.state();
        state.up = up;
        if !up {
            for lane in 0..state.lanes.len() {
                while let Some(consumer) = state.lanes[lane].consumers.pop() {
                    state.give_back(&self.0.world, lane, consumer, "the broker went down");
                }
            }
            state.epochs.values_mut().for_each(|epoch| *epoch += 1);
        }
    }

    /// Takes no publishes, or does again.
    pub fn set_alarmed(&self, alarmed: bool) {
        self.state().alarmed = alarmed;
    }

    /// Has no room for messages, or has again.
    pub fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// Loses so many of a hundred confirmations.
    pub fn lose_confirms(&self, percent: u32) {
        self.state().confirms_lost = percent;
    }

    /// Does nothing for so long.
    pub fn stall(&self, time: Duration) {
        self.state().stalled_until = Instant::now() + time;
    }

    /// Cuts the connections of a process.
    pub fn cut(&self, process: &Process, cut: Cut) {
        *self.state().epochs.entry(process.name().to_owned()).or_default() += 1;
        match cut {
            Cut::Both => self.forget(process, None, Duration::ZERO),
            Cut::BrokerFirst(late) => self.forget(process, None, late),
            Cut::ProcessFirst(late) => {
                let ids = self.state().fail(process, Duration::ZERO);
                let (broker, process) = (self.clone(), process.clone());
                tokio::spawn(async move {
                    broker.0.world.pass(late).await;
                    broker.forget(&process, Some(&ids), Duration::ZERO);
                });
            }
        }
    }

    /// Gives back what consumers of a process have, of those with `ids` or of all; it is told `late`.
    fn forget(&self, process: &Process, ids: Option<&[u64]>, late: Duration) {
        let mut state = self.state();
        state.fail(process, late);
        for lane in 0..state.lanes.len() {
            let is_lost = |consumer: &Consumer| {
                consumer.process == process.name() && ids.is_none_or(|ids| ids.contains(&consumer.id))
            };
            while let Some(place) = state.lanes[lane].consumers.iter().position(is_lost) {
                let consumer = state.lanes[lane].consumers.remove(place);
                state.give_back(&self.0.world, lane, consumer, "its connection was cut");
            }
            state.pump(&self.0.world, lane);
        }
    }

    /// A process was asked to end: of each lane it finishes the batch in hand and no more.
    pub fn expect_the_end_of(&self, process: &Process) {
        let asked = (self.0.world.elapsed(), Vec::new());
        self.state().ending.entry(process.name().to_owned()).or_insert(asked);
    }

    /// Alters a bit of a message that nobody has seen, if one waits. (Whoever had seen it might post it yet, though it was
    /// kept aside meanwhile.)
    pub fn flip_a_bit(&self) {
        let (world, mut state) = (&self.0.world, self.state());
        let State { lanes, altered, .. } = &mut *state;
        let mut unseen = Vec::new();
        for (lane, queue) in lanes.iter().enumerate() {
            let places = queue.ready.iter().enumerate().filter(|(_, message)| !message.redelivered);
            unseen.extend(places.map(|(place, _)| (lane, place)));
        }
        let Some(&(lane, place)) = world.pick(&unseen) else { return };
        let message = &mut lanes[lane].ready[place];
        let mut bytes = message.envelope.to_vec();
        let at = usize::try_from(world.below(u32::try_from(bytes.len()).unwrap_or(1))).unwrap_or_default();
        bytes[at] ^= 1 << world.below(8);
        message.envelope = Bytes::from(bytes);
        altered.extend(message.jobs.take().unwrap_or_default());
        world.note(format_args!("message {} altered at byte {at}", message.number));
    }

    /// Jobs of envelopes that were altered.
    pub fn altered(&self) -> Vec<JobId> {
        self.state().altered.clone()
    }

    /// The dead letters.
    pub fn letters(&self) -> Vec<DeadLetter> {
        self.state().letters.clone()
    }

    /// The messages of the event stream.
    pub fn events(&self) -> Vec<Bytes> {
        self.state().events.clone()
    }

    /// Messages that wait or are in somebody's hand, those of a lane left out.
    pub fn depth(&self, but: Option<Lane>) -> usize {
        let state = self.state();
        let in_hand = |queue: &LaneQueue| queue.consumers.iter().map(Consumer::in_hand).sum::<usize>();
        let lanes = (0..).map(Lane).zip(&state.lanes).filter(|(lane, _)| Some(*lane) != but);
        lanes.map(|(_, queue)| queue.returned.len() + queue.ready.len() + in_hand(queue)).sum()
    }

    /// The jobs of a lane that wait or are in somebody's hand, in their order; those of altered messages left out.
    pub fn jobs(&self, lane: Lane) -> Vec<JobId> {
        let state = self.state();
        let Some(LaneQueue { returned, ready, consumers }) = state.lanes.get(usize::from(lane.0)) else {
            return Vec::new();
        };
        let messages = consumers.iter().flat_map(Consumer::messages).chain(returned).chain(ready);
        messages.filter_map(|message| message.jobs.as_ref()).flatten().copied().collect()
    }

    /// How each lane stands, for a report.
    pub fn lanes(&self) -> Vec<String> {
        let shown = |(lane, queue): (usize, &LaneQueue)| {
            let consumers: Vec<_> = queue.consumers.iter().map(Consumer::shown).collect();
            let (returned, ready) = (queue.returned.len(), queue.ready.len());
            format!("lane {lane}: {returned} returned, {ready} ready, consumers {consumers:?}")
        };
        self.state().lanes.iter().enumerate().map(shown).collect()
    }
}

impl State {
    /// Takes a message: it is on disk.
    fn append(&mut self, world: &World, lane: Lane, envelope: Bytes) {
        let place = usize::from(lane.0);
        self.messages += 1;
        let number = self.messages;
        let jobs = jobs_of(&envelope);
        let count = jobs.as_ref().map_or(0, Vec::len);
        world.note(format_args!("{lane} takes message {number} of {count} jobs"));
        self.lanes[place].ready.push_back(Message { number, envelope, redelivered: false, jobs });
        self.pump(world, place);
    }

    /// Hands out what the active consumer may have.
    fn pump(&mut self, world: &World, lane: usize) {
        let LaneQueue { returned, ready, consumers } = &mut self.lanes[lane];
        if let Some(active) = consumers.iter_mut().find(|consumer| !consumer.cancelled) {
            while active.room()
                && let Some(message) = returned.pop_front().or_else(|| ready.pop_front())
            {
                active.hand_out(world, message);
            }
        }
    }

    /// What a consumer had in hand waits again, ahead of all that was never handed out.
    fn give_back(&mut self, world: &World, lane: usize, consumer: Consumer, why: &str) {
        let (id, process) = (consumer.id, consumer.process.clone());
        let returned = consumer.end(why);
        let count = returned.len();
        world.note(format_args!("lane {lane} lost consumer {id} of {process}: {count} messages wait again"));
        let returned = returned.into_iter().map(|message| Message { redelivered: true, ..message });
        self.lanes[lane].returned.extend(returned);
    }

    /// Tells a process, after `late`, that its consumers have ended; returns which they are.
    fn fail(&mut self, process: &Process, late: Duration) -> Vec<u64> {
        let consumers = self.lanes.iter_mut().flat_map(|queue| &mut queue.consumers);
        let own = consumers.filter(|consumer| consumer.process == process.name());
        own.map(|consumer| {
            consumer.fail(late);
            consumer.id
        })
        .collect()
    }

    fn epoch(&mut self, process: &Process) -> u64 {
        *self.epochs.entry(process.name().to_owned()).or_default()
    }
}

/// The jobs in an envelope; `None`: nobody can say.
pub fn jobs_of(envelope: &[u8]) -> Option<Vec<JobId>> {
    let envelope = Envelope::read(envelope).ok()?;
    let id = |raw: &&serde_json::value::RawValue| {
        let queued: QueuedJob<'_> = serde_json::from_str(raw.get()).ok()?;
        serde_json::from_str::<JobMessage<'_>>(queued.job.get()).ok().map(|message| message.id)
    };
    envelope.jobs.iter().map(id).collect()
}
