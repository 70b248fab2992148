//! Reads.

use std::collections::BTreeMap;
use std::slice;

use anyhow::{Context as _, bail, ensure};
use domain::job::{Job, Kind};
use domain::lane::Lane;
use domain::outcome::{Outcome, RecordedOutcome, Rejection};
use futures::future::try_join;
use store::ledger::AccountBalance;

use super::subject::{Jobs, Subject, deposit, number_of, open, transfer};

/// A job is read back as it was submitted, whatever characters it has.
pub async fn a_job_is_read_back_as_it_was_submitted(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let body = deposit("a", 5).replace(
        '}',
        r#","reference":"inv'17 \\ \" ; --","memo":"Grüße 𝄞 %s {}","metadata":{ "n" : [1.10, -0, 18446744073709551616], "k":[1,null,"ü","\u00fc"]}}"#,
    );
    let body = body.replace("1.10, ", "1.10,\r\n\t");
    let (opening, job) = (jobs.job(&open("a")), Job { lane: Lane(4), ..jobs.job(&body) });
    ensure!(subject.ledger.job(job.id).await?.is_none());
    subject.ledger.post(&[opening, job.clone()]).await?;
    let record = subject.ledger.job(job.id).await?.context("the job is not there")?;
    ensure!(record.body == job.body && record.fingerprint == job.fingerprint);
    ensure!(record.reference.as_deref() == Some(r#"inv'17 \ " ; --"#), "{:?}", record.reference);
    ensure!((record.kind, record.lane, record.outcome) == (Kind::Deposit, Lane(4), RecordedOutcome::Posted));
    ensure!((record.client.as_str(), record.accepted_at) == ("acme", job.accepted_at));
    ensure!(record.posted_at > record.accepted_at - 1_000_000_000_000_000);
    subject.books_are_right().await
}

/// A batch of any size keeps what was written, byte by byte, in the order of its jobs: also one so large that a server
/// gets its rows by other means, with and without jobs that are rejected.
///
/// # Errors
/// It does not.
pub async fn a_full_batch_is_read_back_as_it_was_submitted(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let opening = jobs.job(&open("a"));
    subject.ledger.post(slice::from_ref(&opening)).await?;
    for (size, rejected_each) in [(100, usize::MAX), (100, 7), (101, usize::MAX), (230, 50), (99, 3)] {
        let body = |n: usize| {
            let account = if n % rejected_each == 1 { "nobody" } else { "a" };
            let reference = match n % 5 {
                0 => String::new(),
                _ => format!(r#","reference":"{size}/{rejected_each}/{n}' é \\ %s ? ;""#),
            };
            let memo = ["?", "Grüße", r"\\ \u00fc", "𝄞"][n % 4];
            deposit(account, 5).replace('}', &format!(r#"{reference},"memo":"{memo}"}}"#))
        };
        let batch: Vec<_> = (0..size).map(|n| jobs.job(&body(n))).collect();
        let outcomes = subject.post(0, &batch).await?;
        for (n, (job, outcome)) in batch.iter().zip(outcomes).enumerate() {
            let record = subject.ledger.job(job.id).await?.context("the job is not there")?;
            ensure!(record.body == job.body && record.fingerprint == job.fingerprint, "{size}: {record:?}");
            ensure!(record.reference == job.spec.reference.as_ref().map(|it| it.as_str().to_owned()));
            ensure!((outcome == Outcome::Posted) == (n % rejected_each != 1), "{size}, {n}: {outcome:?}");
            let recorded = match record.outcome {
                RecordedOutcome::Posted => Outcome::Posted,
                RecordedOutcome::Rejected(why) => Outcome::Rejected(why),
                RecordedOutcome::Dead | RecordedOutcome::Cancelled | RecordedOutcome::Scheduled => {
                    bail!("{job:?} is neither")
                }
            };
            ensure!(recorded == outcome, "{size}, {n}: {recorded:?} for {outcome:?}");
        }
        // One of them comes again amid others: all or nothing of the batch was written when it collided.
        let known = &batch[size / 2];
        let mut next: Vec<_> = (1..).take(size).map(|cents| jobs.job(&deposit("a", cents))).collect();
        next[size * 4 / 5] = known.clone();
        let outcomes = subject.post(0, &next).await?;
        let duplicates = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Duplicate(_))).count();
        let posted = outcomes.iter().filter(|outcome| **outcome == Outcome::Posted).count();
        ensure!((duplicates, posted) == (1, size - 1), "{size}: {outcomes:?}");
    }
    subject.books_are_right().await
}

/// What became of many jobs is read at once, and of those that have no outcome nothing is.
pub async fn the_outcomes_of_many_jobs_are_read_at_once(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let mut batch = vec![jobs.job(&open("a"))];
    batch.extend((1..=30).map(|n| jobs.job(&deposit(if n % 3 == 0 { "nobody" } else { "a" }, n))));
    subject.post(0, &batch).await?;
    let dead = jobs.job(&deposit("a", 31));
    subject.ledger.record_dead(&dead, "a fault that a test asked for").await?;
    let absent = jobs.job(&deposit("a", 32));
    let ids: Vec<_> = batch.iter().chain([&dead, &absent]).map(|job| job.id).collect();
    let recorded = subject.ledger.recorded(&ids).await?;
    ensure!(recorded.len() == ids.len() - 1 && !recorded.contains_key(&absent.id), "{recorded:?}");
    for (n, job) in batch.iter().enumerate() {
        let rejected = n > 0 && n % 3 == 0;
        let expected = if rejected {
            RecordedOutcome::Rejected(Rejection::AccountNotFound)
        } else {
            RecordedOutcome::Posted
        };
        let found = recorded.get(&job.id).map(|found| (found.outcome, found.fingerprint));
        ensure!(found == Some((expected, job.fingerprint)), "job {n}: {found:?}");
    }
    ensure!(recorded.get(&dead.id).is_some_and(|found| found.outcome == RecordedOutcome::Dead));
    ensure!(subject.ledger.recorded(&[]).await?.is_empty());
    subject.books_are_right().await
}

/// The holders of many accounts are read at once; who has none, and what does not exist, is left out.
pub async fn holders_are_read_at_once(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let held = |account: &str, holder: &str| {
        let opening = open(account).replace('}', &format!(r#","holder":"{holder}"}}"#));
        jobs.job(&opening)
    };
    subject.ledger.post(&[held("a", "Ann"), held("b", "Brown & 'Sons'"), jobs.job(&open("c"))]).await?;
    let numbers = ["a", "b", "c", "nobody"].map(number_of).into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut holders: Vec<_> = subject.ledger.holders(&numbers).await?.into_values().collect();
    holders.sort();
    ensure!(holders == ["Ann", "Brown & 'Sons'"], "{holders:?}");
    ensure!(subject.ledger.holders(&[]).await?.is_empty());
    subject.books_are_right().await
}

/// An account's entries come in pages, newest first, without gaps or repeats.
pub async fn entries_come_in_pages(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let mut batch = vec![jobs.job(&open("a")), jobs.job(&open("idle"))];
    batch.extend((1..=25).map(|n| jobs.job(&deposit("a", n))));
    subject.post(0, &batch).await?;
    let (a, page) = (number_of("a")?, async |before, limit| -> anyhow::Result<_> {
        subject.ledger.entries(&number_of("a")?, before, limit).await?.context("no account a")
    });
    let mut amounts = Vec::new();
    let mut before = None;
    loop {
        let entries = page(before, 10).await?;
        let Some(last) = entries.last() else { break };
        before = Some(last.entry.seq);
        ensure!(entries.iter().all(|found| found.entry.account == a && found.kind == Kind::Deposit));
        amounts.extend(entries.iter().map(|found| found.entry.amount));
    }
    ensure!(amounts == (1..=25).rev().collect::<Vec<_>>(), "{amounts:?}");
    let newest = page(None, 1).await?;
    ensure!(newest[0].entry.balance_after == 325 && newest[0].body == batch[26].body);
    ensure!(page(Some(1), 10).await?.is_empty() && page(Some(i64::MIN), 10).await?.is_empty());
    ensure!(page(Some(i64::MAX), u32::MAX).await?.len() == 25 && page(None, 0).await?.is_empty());
    ensure!(subject.ledger.entries(&number_of("idle")?, None, 5).await?.is_some_and(|none| none.is_empty()));
    ensure!(subject.ledger.entries(&number_of("nobody")?, None, 5).await?.is_none());
    ensure!(subject.ledger.account(&number_of("nobody")?).await?.is_none());
    subject.books_are_right().await
}

/// The balances of all accounts at a moment are those after the entries before it, and sum to zero while jobs are posted.
pub async fn balances_are_those_of_a_moment(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    subject.post(3, &[jobs.job(&open("a")), jobs.job(&open("b")), jobs.job(&deposit("a", 100))]).await?;
    let balances = async |before| {
        let (sender, mut pages) = tokio::sync::mpsc::channel(1);
        let receiving = async {
            let mut found = Vec::new();
            while let Some(page) = pages.recv().await {
                found.extend(page);
            }
            Ok(found)
        };
        let (found, ()) = try_join(receiving, subject.ledger.balances(before, sender)).await?;
        let of = |account: AccountBalance| (account.number.to_string(), (account.entries, account.balance));
        anyhow::Ok(found.into_iter().map(of).collect::<BTreeMap<_, _>>())
    };
    let at_first = balances(None).await?;
    let expected = [("a", (1, 100)), ("b", (0, 0)), ("external:EUR:3", (1, -100))];
    let expected: BTreeMap<_, _> = expected.map(|(number, had)| (number.to_owned(), had)).into();
    ensure!(at_first == expected, "{at_first:?}");

    // From the next job on all is later than this.
    let entries = subject.ledger.entries(&number_of("a")?, None, 1).await?.unwrap_or_default();
    let moment = entries.first().context("an entry")?.entry.posted_at + 1;
    let posting = async {
        for _ in 0..40 {
            subject.post(3, &[jobs.job(&open("c")), jobs.job(&transfer("a", "b", 1))]).await?;
        }
        Ok(())
    };
    let looking = async {
        for _ in 0..8 {
            let found = balances(None).await?;
            ensure!(found.values().map(|(_, balance)| balance).sum::<i64>() == 0, "{found:?}");
        }
        Ok(())
    };
    try_join(posting, looking).await?;
    ensure!(balances(Some(moment)).await? == expected, "what was posted since shows");
    ensure!(
        balances(Some(moment - 1)).await?.values().all(|had| *had == (0, 0)),
        "what was posted then shows"
    );
    let last = balances(None).await?;
    ensure!(last["a"] == (41, 60) && last["b"] == (40, 40) && last["c"] == (0, 0), "{last:?}");
    ensure!(balances(Some(i64::MAX)).await? == last);
    // Nobody wants them.
    let (sender, pages) = tokio::sync::mpsc::channel(1);
    drop(pages);
    subject.ledger.balances(None, sender).await?;
    subject.books_are_right().await
}

/// Holds that expired and are still active are found, the oldest first.
pub async fn expired_holds_are_found(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let hold = |until: &str| {
        jobs.job(&format!(
            r#"{{"kind":"hold","account":"a","amount":1,"currency":"EUR","expires_at":"{until}"}}"#
        ))
    };
    let [late, early, released, open_end] = [
        hold("2021-03-02T00:00:00Z"),
        hold("2021-03-01T00:00:00Z"),
        hold("2021-02-01T00:00:00Z"),
        hold("9999-03-03T00:00:00Z"),
    ];
    let release = jobs.job(&format!(r#"{{"kind":"release","account":"a","hold":"{}"}}"#, released.id));
    let (late_id, early_id) = (late.id, early.id);
    let batch = [jobs.job(&open("a")), jobs.job(&deposit("a", 10)), late, early, released, open_end, release];
    subject.post(0, &batch).await?;
    let a = number_of("a")?;
    let found = subject.ledger.expired_holds(10).await?;
    ensure!(found == [(early_id, a.clone()), (late_id, a.clone())], "{found:?}");
    ensure!(subject.ledger.expired_holds(1).await? == [(early_id, a)]);
    subject.ledger.ready().await?;
    subject.books_are_right().await
}

/// What another process posted by a clock that is ahead is followed, not preceded, though the clock went back since.
pub async fn nothing_is_posted_earlier_than_what_was_posted_before(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    subject.post(3, &[jobs.job(&open("a")), jobs.job(&deposit("a", 10))]).await?;
    let ahead = runtime::clock::now_us() + 3_600_000_000;
    subject.behind_its_back(&format!("UPDATE lane_totals SET posted_at = {ahead} WHERE lane = 5")).await?;
    subject.post(3, &[jobs.job(&deposit("a", 20))]).await?;
    let entries = subject.ledger.entries(&number_of("a")?, None, 5).await?.unwrap_or_default();
    let times: Vec<_> = entries.iter().map(|record| record.entry.posted_at).collect();
    ensure!(times.len() == 2 && times[0] == ahead && times[1] < ahead, "{times:?}, and {ahead} before");
    subject.books_are_right().await
}
