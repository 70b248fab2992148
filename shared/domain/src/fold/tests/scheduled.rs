//! Jobs that wait for their day.

use super::cases::{balance, deposit};
use super::*;
use crate::schedule::{ExecuteAt, releases_of};

fn at(n: u64, when: i64, action: Action) -> Job {
    let mut job = job(n, action);
    job.spec.execute_at = ExecuteAt::from_microseconds(when);
    job.fingerprint = Fingerprint::of(&format!("{:?}", job.spec));
    job
}

fn released(job: &Job) -> Job {
    Job { ingress: releases_of("worker-1"), ..job.clone() }
}

/// The ledger with these jobs recorded as scheduled.
fn scheduled(jobs: &[Job], cancelled: &[(JobId, Whose)]) -> Books {
    let row = |job: &Job| {
        let outcome = RecordedOutcome::Scheduled;
        (job.id, Recorded { fingerprint: job.fingerprint, outcome })
    };
    Books {
        accounts: [(number("a"), account("a", 10))].into(),
        recorded: jobs.iter().map(row).collect(),
        cancelled: cancelled.iter().map(|(id, whose)| (*id, vec![whose.clone()])).collect(),
        ..Books::default()
    }
}

#[test]
fn a_job_of_a_day_to_come_changes_nothing_yet_and_one_that_is_due_is_posted() {
    let jobs = [
        at(1, NOW + 1, deposit("a", 1)),
        at(2, NOW, deposit("a", 2)),
        at(3, NOW - 1, deposit("a", 4)),
        at(1, NOW + 1, deposit("a", 1)),
        at(1, NOW + 1, deposit("a", 8)),
    ];
    let folded = folded(&[account("a", 0)], &jobs);
    let again = RecordedOutcome::Scheduled;
    let expected = [
        Outcome::Scheduled,
        Outcome::Posted,
        Outcome::Posted,
        Outcome::Duplicate(again),
        Outcome::Conflict(again),
    ];
    assert_eq!(folded.outcomes, expected);
    assert_eq!(balance(&folded, "a"), 6);
    assert!(folded.executed.is_empty() && folded.entries.len() == 4);
}

#[test]
fn a_scheduled_job_is_executed_once_when_it_is_put_on_its_lane_again() {
    let job = at(1, NOW, deposit("a", 5));
    let copies = [job.clone(), released(&job), released(&job), job.clone()];
    let folded = fold(scheduled(&copies[..1], &[]), &copies, NOW);
    let posted = Outcome::Duplicate(RecordedOutcome::Posted);
    let expected = [Outcome::Duplicate(RecordedOutcome::Scheduled), Outcome::Posted, posted, posted];
    assert_eq!(folded.outcomes, expected, "what its client sends once more is not what executes it");
    assert_eq!((balance(&folded, "a"), folded.executed), (15, [id(1)].into()));
}

#[test]
fn one_that_comes_before_it_is_due_goes_on_waiting() {
    let job = at(1, NOW + 1, deposit("a", 5));
    let folded = fold(scheduled(std::slice::from_ref(&job), &[]), &[released(&job)], NOW);
    assert_eq!(folded.outcomes, [Outcome::Duplicate(RecordedOutcome::Scheduled)]);
    assert!(folded.executed.is_empty() && folded.entries.is_empty());
    // The clock went back; what was posted last says how far the ledger has come.
    let books = Books { posted_from: NOW + 1, ..scheduled(std::slice::from_ref(&job), &[]) };
    assert_eq!(fold(books, &[released(&job)], NOW).outcomes, [Outcome::Posted]);
}

#[test]
fn funds_are_those_of_the_day_on_which_it_is_due() {
    let money = eur(11);
    let job = at(1, NOW, Action::Withdrawal { account: number("a"), money });
    let books = || scheduled(std::slice::from_ref(&job), &[]);
    let rejected = Outcome::Rejected(Rejection::InsufficientFunds);
    assert_eq!(fold(books(), &[released(&job)], NOW).outcomes, [rejected]);
    let batch = [super::job(2, deposit("a", 1)), released(&job)];
    assert_eq!(fold(books(), &batch, NOW).outcomes, [Outcome::Posted; 2]);
}

#[test]
fn one_that_was_cancelled_is_not_executed() {
    let job = at(1, NOW + 1, deposit("a", 5));
    let own = Whose::Clients(Client::parse("test").unwrap());
    for whose in [own, Whose::Anybodys] {
        let books = scheduled(std::slice::from_ref(&job), &[(id(1), whose)]);
        let folded = fold(books, &[job.clone(), released(&job), released(&job)], NOW);
        let again = Outcome::Duplicate(RecordedOutcome::Cancelled);
        assert_eq!(folded.outcomes, [again, Outcome::Cancelled, again]);
        assert_eq!((folded.executed, folded.awaited.len(), folded.entries.len()), ([id(1)].into(), 0, 0));
    }
    let other = Whose::Clients(Client::parse("other").unwrap());
    let due = at(1, NOW, deposit("a", 5));
    let books = scheduled(std::slice::from_ref(&due), &[(id(1), other)]);
    assert_eq!(fold(books, &[released(&due)], NOW).outcomes, [Outcome::Posted]);
}

#[test]
fn a_dead_job_of_a_day_to_come_waits_for_it_when_it_is_replayed() {
    let job = at(1, NOW + 1, deposit("a", 5));
    let mut books = scheduled(std::slice::from_ref(&job), &[]);
    books.recorded.entry(id(1)).and_modify(|row| row.outcome = RecordedOutcome::Dead);
    let folded = fold(books, std::slice::from_ref(&job), NOW);
    assert_eq!(folded.outcomes, [Outcome::Scheduled]);
    assert_eq!((folded.revived, folded.executed.len()), ([id(1)].into(), 0));
}

#[test]
fn a_scheduled_job_cannot_be_reversed() {
    let reversal = Action::Reversal { account: number("a"), job: id(1) };
    let folded = folded(&[account("a", 5)], &[at(1, NOW + 1, deposit("a", 5)), job(2, reversal)]);
    assert_eq!(folded.outcomes, [Outcome::Scheduled, Outcome::Rejected(Rejection::JobNotFound)]);
}
