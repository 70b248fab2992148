//! Dead letters are kept, shown and discarded.

use jiff::Timestamp;
use queue::DeadLetter;

use super::harness::*;

fn letter(number: u16) -> DeadLetter {
    DeadLetter {
        id: format!("letter-{number}"),
        lane: Lane(number % 3),
        cause: format!("cause {number}: \"quoted\" and ünïcode"),
        at: Timestamp::from_microsecond(1_795_453_200_000_000 + i64::from(number)).expect("in range"),
        payload: Bytes::from(vec![0, 255, b'p', u8::try_from(number).expect("small")]),
    }
}

/// A letter comes back as it was put there, oldest first.
pub async fn a_dead_letter_keeps_its_particulars(queue: Arc<dyn Queue>) {
    let letters: Vec<_> = (0..5).map(letter).collect();
    for letter in &letters {
        queue.dead_letter(letter.clone()).await.expect("kept");
    }
    assert_eq!(queue.dead_letters(100).await.expect("browsed"), letters);
    assert_eq!(queue.dead_letters(2).await.expect("browsed"), letters[..2]);
    assert_eq!(queue.dead_letters(0).await.expect("browsed"), []);
}

/// However often letters are looked at, they stay, in order.
pub async fn browsing_loses_nothing(queue: Arc<dyn Queue>) {
    let letters: Vec<_> = (0..3).map(letter).collect();
    for letter in &letters {
        queue.dead_letter(letter.clone()).await.expect("kept");
    }
    // RabbitMQ 4 gives a message up after 20 redeliveries unless it is told otherwise.
    for _ in 0..30 {
        assert_eq!(queue.dead_letters(10).await.expect("browsed"), letters);
        assert!(!queue.discard_dead_letter("no such letter").await.expect("looked"));
    }
    let counted = async {
        while queue.dead_letter_count().await.expect("counted") != 3 {
            crate::wait::next_look().await;
        }
    };
    timeout(SOON, counted).await.expect("three letters");
}

/// A long cause does not keep a letter from being kept.
pub async fn a_long_cause_is_kept(queue: Arc<dyn Queue>) {
    let letter = DeadLetter { cause: "ß".repeat(200_000), ..letter(0) };
    queue.dead_letter(letter.clone()).await.expect("kept");
    let kept = queue.dead_letters(1).await.expect("browsed");
    assert!(letter.cause.starts_with(&kept[0].cause) && kept[0].cause.len() > 1_000);
    assert_eq!(kept[0].payload, letter.payload);
}

/// Discarding removes the letter that was named and no other.
pub async fn discarding_removes_just_one(queue: Arc<dyn Queue>) {
    for number in 0..4 {
        queue.dead_letter(letter(number)).await.expect("kept");
    }
    assert!(queue.discard_dead_letter("letter-2").await.expect("discarded"));
    assert!(!queue.discard_dead_letter("letter-2").await.expect("looked"));
    let left = queue.dead_letters(10).await.expect("browsed");
    assert_eq!(left, [letter(0), letter(1), letter(3)]);
}

/// A worker that is killed between keeping a letter and acknowledging its message leaves it to be kept again: all
/// of it is gone when it is discarded.
pub async fn a_letter_kept_twice_is_discarded_at_once(queue: Arc<dyn Queue>) {
    for number in [1, 1, 2, 1] {
        queue.dead_letter(letter(number)).await.expect("kept");
    }
    assert!(queue.discard_dead_letter("letter-1").await.expect("discarded"));
    assert_eq!(queue.dead_letters(10).await.expect("browsed"), [letter(2)]);
    assert!(!queue.discard_dead_letter("letter-1").await.expect("looked"));
}

/// Letters are found by their ids, and those that were found are discarded together.
pub async fn letters_are_found_and_discarded_by_their_ids(queue: Arc<dyn Queue>) {
    for number in 0..4 {
        queue.dead_letter(letter(number)).await.expect("kept");
    }
    assert_eq!(queue.dead_letters_of("letter-2").await.expect("looked"), [letter(2)]);
    assert_eq!(queue.dead_letters_of("no such letter").await.expect("looked"), []);
    let ids = ["letter-2", "no such letter", "letter-0"].map(str::to_owned);
    let mut discarded = queue.discard_dead_letters(&ids).await.expect("discarded");
    discarded.sort();
    assert_eq!(discarded, ["letter-0", "letter-2"]);
    assert_eq!(queue.dead_letters(10).await.expect("browsed"), [letter(1), letter(3)]);
}
