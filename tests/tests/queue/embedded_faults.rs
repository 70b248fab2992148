//! The embedded queue on a disk that fills up, and on a file that was altered.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use domain::lane::{Lane, Lanes};
use queue::embedded::{EmbeddedQueue, EmbeddedSettings};
use queue::{PublishError, Queue, QueueError, Subscription};
use tests::small_disk::SmallDisk;
use tests::wait::until;
use tokio::time::timeout;

const WITHIN: Duration = Duration::from_secs(10);
const LANE: Lane = Lane(0);
/// As large as an envelope of a hundred jobs.
const ENVELOPE_BYTES: usize = 30_000;

async fn try_open(folder: &Path) -> Result<EmbeddedQueue, QueueError> {
    let settings = EmbeddedSettings::new(Lanes::new(2).expect("lanes"));
    EmbeddedQueue::open(&folder.join("queue.sqlite"), settings).await
}

async fn open(folder: &Path) -> EmbeddedQueue {
    try_open(folder).await.expect("opened")
}

/// A disk with room for a few envelopes, and a queue on it.
async fn on_a_small_disk() -> (SmallDisk, EmbeddedQueue) {
    let disk = SmallDisk::mount(8).expect("a small disk");
    disk.fill_but(2).expect("ballast");
    let queue = open(disk.path()).await;
    (disk, queue)
}

/// Makes room, and waits until the queue has found out by itself.
async fn make_room(disk: &SmallDisk, queue: &EmbeddedQueue) {
    disk.free().expect("freed");
    until("the queue is ready by itself", WITHIN, async || Ok(queue.ready().await?)).await.expect("ready");
}

fn envelope(number: usize) -> Bytes {
    format!("{number:>ENVELOPE_BYTES$}").into()
}

fn number(envelope: &Bytes) -> usize {
    String::from_utf8_lossy(envelope).trim().parse().expect("a number")
}

/// Publishes numbers from `from` on until the disk is full; returns those that were accepted.
async fn fill(queue: &EmbeddedQueue, from: usize) -> Vec<usize> {
    let mut accepted = Vec::new();
    for number in from.. {
        match queue.publish(LANE, envelope(number), 1).await {
            Ok(()) => accepted.push(number),
            Err(failure) => {
                let is_full =
                    matches!(&failure, PublishError::Unavailable(why) if why.contains("disk is full"));
                assert!(is_full, "{failure}");
                break;
            }
        }
    }
    accepted
}

/// The numbers that wait, in their order.
async fn drain(subscription: &mut dyn Subscription, count: usize) -> Vec<usize> {
    let mut numbers = Vec::new();
    while numbers.len() < count
        && let Ok(delivery) = timeout(WITHIN, subscription.next()).await
    {
        let delivery = delivery.expect("a delivery");
        numbers.push(number(&delivery.envelope));
        subscription.ack_through(delivery.tag).await.expect("acknowledged");
    }
    numbers
}

#[tokio::test]
async fn what_a_full_disk_did_not_take_is_refused_and_what_was_accepted_is_there() {
    let (disk, queue) = on_a_small_disk().await;
    let mut accepted = fill(&queue, 0).await;
    assert!(!accepted.is_empty(), "the disk was full at once");
    assert!(queue.ready().await.is_err(), "a queue that takes no jobs is not ready");
    // Again and again, as clients do.
    for attempt in 0..20 {
        accepted.extend(fill(&queue, 1000 + 100 * attempt).await);
    }
    make_room(&disk, &queue).await;
    for number in 5000..5010 {
        queue.publish(LANE, envelope(number), 1).await.expect("accepted");
        accepted.push(number);
    }
    let waiting = queue.depth().await.expect("a depth")[0].messages_ready;
    assert!(waiting >= accepted.len() as u64, "{waiting} wait of {} that were accepted", accepted.len());
    // As after a crash: what another process finds in the file is what is on disk.
    drop(queue);
    let queue = until("the file is free", WITHIN, async || Ok(try_open(disk.path()).await?));
    let queue = queue.await.expect("opened again");
    let on_disk = usize::try_from(queue.depth().await.expect("a depth")[0].messages_ready).expect("a count");
    let mut subscription = queue.subscribe(LANE, 1).await.expect("subscribed");
    let mut found = drain(subscription.as_mut(), on_disk).await;
    // One whose client was told that it may not be there may be there all the same.
    found.retain(|number| accepted.contains(number));
    assert_eq!(found, accepted);
    subscription.close().await;
    queue.close().await;
}

#[tokio::test]
async fn acknowledgements_that_found_no_room_are_made_up_for() {
    let (disk, queue) = on_a_small_disk().await;
    let accepted = fill(&queue, 0).await;
    let mut subscription = queue.subscribe(LANE, 1).await.expect("subscribed");
    assert_eq!(drain(subscription.as_mut(), accepted.len()).await, accepted);
    make_room(&disk, &queue).await;
    subscription.close().await;
    queue.close().await;
    let queue = open(disk.path()).await;
    assert_eq!(queue.depth().await.expect("a depth")[0].messages_ready, 0, "what was done came again");
    queue.close().await;
}

#[tokio::test]
async fn a_message_whose_place_in_the_index_was_lost_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.sqlite");
    let queue = open(folder.path()).await;
    for number in 0..50 {
        queue.publish(LANE, Bytes::from(format!("{number}")), 1).await.expect("accepted");
    }
    queue.close().await;
    // The index forgets every second message, as a page that was altered may.
    let damage = "
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, 'jobs)', 'jobs) WHERE seq % 2') WHERE name = 'messages_by_lane';
        PRAGMA writable_schema = RESET;
        REINDEX messages_by_lane;
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, ' WHERE seq % 2', '') WHERE name = 'messages_by_lane';
    ";
    run_sql(&path, damage).await;
    let queue = open(folder.path()).await;
    assert_eq!(queue.depth().await.expect("a depth")[0].messages_ready, 50);
    queue.close().await;
}

#[tokio::test]
async fn a_file_that_is_beyond_mending_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.sqlite");
    let queue = open(folder.path()).await;
    for number in 0..200 {
        queue.publish(LANE, envelope(number), 1).await.expect("accepted");
    }
    queue.close().await;
    let mut bytes = std::fs::read(&path).expect("the file");
    // Every page but the first says that it is of no kind that there is.
    for page in bytes.chunks_mut(4096).skip(1) {
        page[0] = 0xff;
    }
    std::fs::write(&path, bytes).expect("written");
    let refused = try_open(folder.path()).await.err().expect("a refusal").to_string();
    assert!(refused.contains("queue.sqlite") && refused.contains(".recover"), "{refused}");
}

async fn run_sql(path: &Path, sql: &str) {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("connected");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect("run");
    connection.close().await.expect("closed");
}
