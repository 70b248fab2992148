use std::sync::Mutex as StdMutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use contract::envelope::{Envelope, QueuedJob};
use tokio::sync::Semaphore;

use super::*;
use crate::events::{EventReader, EventStream, Start};
use crate::{DeadLetter, LaneDepth, QueueError, Subscription};

/// A queue whose confirmations the test hands out one by one.
struct HeldQueue {
    confirmations: Semaphore,
    published: StdMutex<Vec<(Lane, Bytes, usize)>>,
    refusal: StdMutex<Option<PublishError>>,
    /// The next publish panics.
    panics: AtomicBool,
}

impl HeldQueue {
    fn new() -> Arc<HeldQueue> {
        Arc::new(HeldQueue {
            confirmations: Semaphore::new(0),
            published: StdMutex::default(),
            refusal: StdMutex::default(),
            panics: AtomicBool::new(false),
        })
    }

    /// The jobs of each envelope published so far.
    fn envelopes(&self) -> Vec<Vec<(i64, String)>> {
        let published = self.published.lock().unwrap();
        published.iter().map(|(_, envelope, jobs)| read(envelope, *jobs)).collect()
    }

    async fn until_published(&self, envelopes: usize) {
        let seen = async {
            while self.published.lock().unwrap().len() < envelopes {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), seen).await.expect("envelopes in time");
    }
}

fn read(envelope: &[u8], jobs: usize) -> Vec<(i64, String)> {
    let envelope = Envelope::read(envelope).unwrap();
    assert_eq!((envelope.ingress.as_ref(), envelope.jobs.len()), ("api-1", jobs));
    let read = |raw| QueuedJob::read(raw).map(|job| (job.accepted_at, job.job.get().to_owned())).unwrap();
    envelope.jobs.into_iter().map(read).collect()
}

#[async_trait]
impl crate::work::WorkQueue for HeldQueue {
    async fn publish_work(&self, _: Bytes) -> Result<(), PublishError> {
        panic!("the publisher publishes jobs")
    }

    async fn take_work(&self) -> Result<Box<dyn Subscription>, QueueError> {
        panic!("the publisher consumes nothing")
    }

    async fn work_waiting(&self) -> Result<u64, QueueError> {
        Ok(0)
    }
}

#[async_trait]
impl EventStream for HeldQueue {
    async fn publish_events(&self, _: Bytes) -> Result<(), PublishError> {
        panic!("the publisher publishes jobs")
    }

    async fn read_events(&self, _: Start) -> Result<Box<dyn EventReader>, QueueError> {
        panic!("the publisher reads nothing")
    }
}

#[async_trait]
impl Queue for HeldQueue {
    async fn publish(&self, lane: Lane, envelope: Bytes, jobs: usize) -> Result<(), PublishError> {
        self.published.lock().unwrap().push((lane, envelope, jobs));
        self.confirmations.acquire().await.unwrap().forget();
        assert!(!self.panics.swap(false, Ordering::Relaxed), "a fault that the test wants");
        self.refusal.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    async fn subscribe(&self, _: Lane, _: u16) -> Result<Box<dyn Subscription>, QueueError> {
        Err(QueueError::Failed("publishes only".to_owned()))
    }

    async fn dead_letter(&self, _: DeadLetter) -> Result<(), QueueError> {
        Err(QueueError::Failed("publishes only".to_owned()))
    }

    async fn depth(&self) -> Result<Vec<LaneDepth>, QueueError> {
        Ok(Vec::new())
    }

    async fn dead_letter_count(&self) -> Result<u64, QueueError> {
        Ok(0)
    }

    async fn dead_letters(&self, _: usize) -> Result<Vec<DeadLetter>, QueueError> {
        Ok(Vec::new())
    }

    async fn discard_dead_letter(&self, _: &str) -> Result<bool, QueueError> {
        Ok(false)
    }

    async fn ready(&self) -> Result<(), QueueError> {
        Ok(())
    }

    async fn close(&self) {}
}

const LANE: Lane = Lane(3);

fn publisher(queue: &Arc<HeldQueue>, limits: PublisherLimits) -> Arc<Publisher> {
    Arc::new(Publisher::new(queue.clone(), Lanes::DEFAULT, "api-1".to_owned(), limits))
}

fn jobs(numbers: std::ops::Range<usize>) -> Vec<Bytes> {
    numbers.map(|n| Bytes::from(n.to_string())).collect()
}

/// Publishes in a task of its own; returns once the jobs stand in line.
async fn join(
    publisher: &Arc<Publisher>,
    jobs: Vec<Bytes>,
) -> tokio::task::JoinHandle<Vec<Result<Timestamp, PublishError>>> {
    let before = publisher.waiting_jobs()[usize::from(LANE.0)];
    let count = jobs.len();
    let task = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish_many(LANE, jobs).await }
    });
    while publisher.waiting_jobs()[usize::from(LANE.0)] < before + count {
        tokio::task::yield_now().await;
    }
    task
}

/// Publishes a job in a task of its own; returns once it is the envelope of this number that the queue has.
async fn in_flight(
    publisher: &Arc<Publisher>,
    queue: &HeldQueue,
    job: &'static [u8],
    envelope: usize,
) -> tokio::task::JoinHandle<Result<Timestamp, PublishError>> {
    let publisher = publisher.clone();
    let task = tokio::spawn(async move { publisher.publish(LANE, Bytes::from_static(job)).await });
    queue.until_published(envelope).await;
    task
}

#[tokio::test]
async fn an_idle_lane_sends_at_once_and_a_busy_one_gathers() {
    let queue = HeldQueue::new();
    let publisher = publisher(&queue, PublisherLimits::default());
    let first = in_flight(&publisher, &queue, b"0", 1).await;
    let rest = join(&publisher, jobs(1..251)).await;
    assert_eq!(queue.envelopes().len(), 1, "nothing is sent while a publish is in flight");

    queue.confirmations.add_permits(4);
    let first_at = first.await.unwrap().unwrap();
    let rest = rest.await.unwrap();
    let sizes: Vec<_> = queue.envelopes().iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, 100, 100, 50]);

    let sent: Vec<_> = queue.envelopes().concat();
    assert!(sent.is_sorted_by(|a, b| a.0 < b.0), "acceptance orders the queue");
    assert!(sent.iter().map(|(_, job)| job.parse::<usize>().unwrap()).eq(0..251));
    let told: Vec<_> = rest.into_iter().map(|at| at.unwrap().as_microsecond()).collect();
    assert_eq!(sent[0].0, first_at.as_microsecond());
    assert_eq!(sent[1..].iter().map(|(at, _)| *at).collect::<Vec<_>>(), told);
}

#[tokio::test]
async fn a_caller_that_leaves_neither_loses_nor_doubles_what_others_wait_for() {
    let queue = HeldQueue::new();
    let publisher = publisher(&queue, PublisherLimits::default());
    let first = in_flight(&publisher, &queue, b"0", 1).await;
    let leaving = join(&publisher, jobs(1..2)).await;
    let staying = join(&publisher, jobs(2..3)).await;
    first.abort();
    leaving.abort();
    queue.confirmations.add_permits(2);
    assert!(staying.await.unwrap()[0].is_ok());
    let sent: Vec<_> = queue.envelopes().concat().into_iter().map(|(_, job)| job).collect();
    assert_eq!(sent, ["0", "1", "2"]);
}

#[tokio::test]
async fn a_full_line_refuses_the_last_and_takes_the_first() {
    let queue = HeldQueue::new();
    let publisher = publisher(&queue, PublisherLimits { waiting_jobs_max: 3, ..PublisherLimits::default() });
    let first = in_flight(&publisher, &queue, b"0", 1).await;
    let burst = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish_many(LANE, jobs(1..6)).await }
    });
    while publisher.waiting_jobs()[usize::from(LANE.0)] < 3 {
        tokio::task::yield_now().await;
    }
    queue.confirmations.add_permits(2);
    let results = burst.await.unwrap();
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, true, false, false]);
    assert!(matches!(results[4], Err(PublishError::Full { lane: LANE })));
    assert!(first.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_refused_envelope_is_an_error_for_each_of_its_jobs() {
    let queue = HeldQueue::new();
    *queue.refusal.lock().unwrap() = Some(PublishError::Full { lane: LANE });
    let publisher = publisher(&queue, PublisherLimits::default());
    queue.confirmations.add_permits(1);
    let results = publisher.publish_many(LANE, jobs(0..3)).await;
    assert_eq!(results.len(), 3);
    assert!(results.iter().all(|result| matches!(result, Err(PublishError::Full { .. }))));
    assert_eq!(publisher.counts(), PublisherCounts { jobs: 0, messages: 0, failed_jobs: 3 });
}

#[tokio::test]
async fn stop_sends_what_waits_and_takes_no_more() {
    let queue = HeldQueue::new();
    let publisher = publisher(&queue, PublisherLimits::default());
    let first = in_flight(&publisher, &queue, b"0", 1).await;
    let waiting = join(&publisher, jobs(1..151)).await;
    queue.confirmations.add_permits(3);
    publisher.stop().await;
    assert!(first.await.unwrap().is_ok());
    assert!(waiting.await.unwrap().iter().all(Result::is_ok));
    assert!(publisher.publish(LANE, Bytes::from_static(b"late")).await.is_err());
    assert_eq!(queue.envelopes().concat().len(), 151);
    assert_eq!(publisher.counts(), PublisherCounts { jobs: 151, messages: 3, failed_jobs: 0 });
}

#[tokio::test]
async fn large_jobs_share_an_envelope_up_to_its_bytes() {
    let queue = HeldQueue::new();
    let limits = PublisherLimits { envelope_bytes_max: 10, ..PublisherLimits::default() };
    let publisher = publisher(&queue, limits);
    queue.confirmations.add_permits(100);
    let jobs =
        ["1111", "2222", "3333", "444444444444", "5"].map(|job: &str| Bytes::from(job.to_owned())).to_vec();
    assert!(publisher.publish_many(LANE, jobs).await.iter().all(Result::is_ok));
    let sizes: Vec<_> = queue.envelopes().iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 1, 1, 1]);
}

#[tokio::test]
async fn a_fault_of_the_queues_client_costs_one_attempt_and_not_the_lane() {
    let queue = HeldQueue::new();
    let publisher = publisher(&queue, PublisherLimits::default());
    queue.confirmations.add_permits(2);
    queue.panics.store(true, Ordering::Relaxed);
    let failed = publisher.publish(LANE, Bytes::from_static(b"{}")).await.unwrap_err();
    assert!(matches!(&failed, PublishError::Unavailable(why) if why.contains("broke off")), "{failed}");
    publisher.publish(LANE, Bytes::from_static(b"{}")).await.unwrap();
    assert_eq!(publisher.counts().failed_jobs, 1);
}

#[tokio::test]
async fn whoever_waits_behind_an_unconfirmed_envelope_learns_at_once_that_it_was_not_sent() {
    let queue = HeldQueue::new();
    let publisher = publisher(&queue, PublisherLimits::default());
    *queue.refusal.lock().unwrap() = Some(PublishError::Unconfirmed { after: Duration::from_secs(5) });
    let first = in_flight(&publisher, &queue, b"0", 1).await;
    let behind = join(&publisher, jobs(1..1_001)).await;
    queue.confirmations.add_permits(1);
    assert!(matches!(first.await.unwrap(), Err(PublishError::Unconfirmed { .. })));
    for result in behind.await.unwrap() {
        let why = result.unwrap_err().to_string();
        assert!(why.contains("it was not sent"), "{why}");
    }
    assert_eq!(queue.envelopes().len(), 1, "none was sent later");
    assert_eq!(publisher.counts().failed_jobs, 1_001);
}

#[tokio::test]
async fn a_lane_that_does_not_confirm_is_tried_by_one_and_refuses_the_others_until_it_does() {
    let queue = HeldQueue::new();
    let publisher = publisher(&queue, PublisherLimits::default());
    *queue.refusal.lock().unwrap() = Some(PublishError::Unconfirmed { after: Duration::from_secs(5) });
    queue.confirmations.add_permits(1);
    publisher.publish(LANE, Bytes::from_static(b"0")).await.unwrap_err();

    let trying = in_flight(&publisher, &queue, b"1", 2).await;
    let refused = publisher.publish(LANE, Bytes::from_static(b"2")).await.unwrap_err();
    assert!(refused.to_string().contains("not being confirmed"), "{refused}");
    *queue.refusal.lock().unwrap() = None;
    queue.confirmations.add_permits(1);
    trying.await.unwrap().unwrap();

    let (one, many) =
        (publisher.publish(LANE, Bytes::from_static(b"3")), publisher.publish_many(LANE, jobs(4..7)));
    queue.confirmations.add_permits(2);
    let (one, many) = tokio::join!(one, many);
    assert!(one.is_ok() && many.iter().all(Result::is_ok));
}
