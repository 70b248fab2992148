//! Jobs that were cancelled before they came.

use super::cases::{balance, deposit};
use super::*;
use crate::id::{FormerId, Sameness};

fn cancelled(whose: &[Whose], jobs: &[Job]) -> Folded {
    let books = Books {
        accounts: [(number("a"), account("a", 0))].into(),
        cancelled: [(id(1), whose.to_vec())].into(),
        ..Books::default()
    };
    fold(books, jobs, NOW)
}

fn of(client: &str) -> Whose {
    Whose::Clients(Client::parse(client).unwrap())
}

#[test]
fn a_cancelled_job_changes_nothing_however_often_it_comes() {
    let jobs =
        [job(1, deposit("a", 5)), job(1, deposit("a", 5)), job(1, deposit("a", 6)), job(2, deposit("a", 7))];
    for whose in [[of("test")].as_slice(), &[Whose::Anybodys], &[of("other"), of("test")]] {
        let folded = cancelled(whose, &jobs);
        let again = RecordedOutcome::Cancelled;
        let expected =
            [Outcome::Cancelled, Outcome::Duplicate(again), Outcome::Conflict(again), Outcome::Posted];
        assert_eq!(folded.outcomes, expected, "{whose:?}");
        assert_eq!(balance(&folded, "a"), 7);
        assert_eq!(folded.awaited, [id(1)].into());
    }
}

#[test]
fn what_another_client_cancelled_is_posted() {
    let folded = cancelled(&[of("other")], &[job(1, deposit("a", 5)), job(1, deposit("a", 5))]);
    assert_eq!(folded.outcomes, [Outcome::Posted, Outcome::Duplicate(RecordedOutcome::Posted)]);
    assert_eq!(balance(&folded, "a"), 5);
    assert_eq!(folded.awaited, [id(1)].into(), "its row is there");
}

#[test]
fn what_became_of_a_job_under_a_former_id_stands() {
    let known = Job {
        former: vec![FormerId { id: id(9), sameness: Sameness::SameReference }],
        ..job(1, deposit("a", 5))
    };
    let former = FormerJob::of(&known, RecordedOutcome::Posted);
    let books = Books {
        accounts: [(number("a"), account("a", 0))].into(),
        cancelled: [(id(1), vec![Whose::Anybodys])].into(),
        former: [(id(9), former)].into(),
        ..Books::default()
    };
    let folded = fold(books, &[known], NOW);
    assert_eq!(folded.outcomes, [Outcome::Rejected(Rejection::KnownByFormerId)]);
    assert_eq!(folded.awaited, [id(1)].into());
}

#[test]
fn a_cancelled_job_cannot_be_reversed() {
    let reversal = Action::Reversal { account: number("a"), job: id(1) };
    let folded = cancelled(&[Whose::Anybodys], &[job(1, deposit("a", 5)), job(2, reversal)]);
    assert_eq!(folded.outcomes, [Outcome::Cancelled, Outcome::Rejected(Rejection::JobNotFound)]);
}
