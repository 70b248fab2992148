//! Ranges of entries, and pages of jobs by filter.

use anyhow::{Context as _, ensure};
use domain::id::JobId;
use domain::job::Kind;
use domain::outcome::Rejection;
use store::ledger::{Freshness, JobFilter, OutcomeName};

use super::subject::{Jobs, Subject, deposit, number_of, open, transfer};

/// A range has the entries of its time and the balances at both ends, and stays so whatever is posted later.
pub async fn a_stretch_has_the_entries_of_its_time(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    subject.post(0, &[jobs.job(&open("a")), jobs.job(&open("idle"))]).await?;
    let mut times = Vec::new();
    for n in 1..=9 {
        subject.post(0, &[jobs.job(&deposit("a", n)), jobs.job(&deposit("a", 100 * n))]).await?;
        let newest = subject.ledger.entries(&number_of("a")?, None, 1).await?.context("no account a")?;
        times.push(newest[0].entry.posted_at);
    }
    let a = number_of("a")?;
    let all = subject.ledger.entry_range(&a, None, None).await?.context("no account a")?;
    ensure!((all.first, all.last, all.opening, all.closing) == (1, 18, 0, 45 * 101), "{all:?}");
    ensure!(all.count() == 18 && all.begins_at == Some(times[0]), "{all:?}");

    // Two entries of each moment.
    for (from, to) in [(0, 1), (2, 5), (0, 8), (7, 8), (3, 3)] {
        let found = subject
            .ledger
            .entry_range(&a, Some(times[from]), Some(times[to]))
            .await?
            .context("no account a")?;
        let (first, last) = (2 * from + 1, 2 * to);
        ensure!((found.first, found.last) == (i64::try_from(first)?, i64::try_from(last)?), "{found:?}");
        let sum = |until: usize| -> anyhow::Result<i64> { Ok(i64::try_from(101 * until * (until + 1) / 2)?) };
        ensure!((found.opening, found.closing) == (sum(from)?, sum(to)?), "{found:?}");
        let entries = subject.ledger.range_entries(&found, found.first..=i64::MAX).await?;
        let seqs: Vec<_> = entries.iter().map(|record| record.entry.seq).collect();
        ensure!(seqs == (found.first..=found.last).collect::<Vec<_>>(), "{seqs:?}");
        ensure!(entries.last().is_none_or(|last| last.entry.balance_after == found.closing));
    }
    let early = subject.ledger.entry_range(&a, None, Some(times[0])).await?.context("no account a")?;
    ensure!((early.count(), early.opening, early.closing, early.begins_at) == (0, 0, 0, None), "{early:?}");
    let late = subject.ledger.entry_range(&a, Some(i64::MAX), None).await?.context("no account a")?;
    ensure!((late.count(), late.opening, late.closing) == (0, 45 * 101, 45 * 101), "{late:?}");
    let turned =
        subject.ledger.entry_range(&a, Some(times[5]), Some(times[2])).await?.context("no account a")?;
    ensure!(turned.count() == 0 && turned.opening == turned.closing, "{turned:?}");
    let idle =
        subject.ledger.entry_range(&number_of("idle")?, None, None).await?.context("no account idle")?;
    ensure!((idle.first, idle.last, idle.count()) == (1, 0, 0), "{idle:?}");
    ensure!(subject.ledger.entry_range(&number_of("nobody")?, None, None).await?.is_none());

    subject.post(0, &[jobs.job(&deposit("a", 7))]).await?;
    ensure!(subject.ledger.range_entries(&all, 17..=20).await?.len() == 2, "a range grew");
    subject.behind_its_back("DELETE FROM entries WHERE seq = 18 AND amount = 900").await?;
    ensure!(
        subject.ledger.range_entries(&all, 17..=18).await.is_err(),
        "an entry is missing, and nobody says so"
    );
    Ok(())
}

/// Every job that fits is on one page, in order, whatever the size of the pages; no other is on any.
pub async fn jobs_are_listed_by_filter(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let mut batch = vec![jobs.job(&open("a")), jobs.job(&open("b")), jobs.job(&open("c"))];
    for n in 1..=20 {
        batch.push(jobs.job(&deposit("a", 10)));
        batch.push(jobs.job(&transfer("a", "b", n)));
        batch.push(jobs.job(&deposit("c", n)));
    }
    subject.post(0, &batch).await?;
    let dead = jobs.job(&deposit("a", 77));
    subject.ledger.record_dead(&dead, "a fault").await?;

    let filter = |change: fn(&mut JobFilter)| {
        let mut filter = JobFilter::default();
        change(&mut filter);
        filter
    };
    let newest_first: Vec<JobId> = batch.iter().chain([&dead]).rev().map(|job| job.id).collect();
    ensure!(listed(&subject, &JobFilter::default(), 7).await? == newest_first);
    let of_a = filter(|filter| filter.account = number_of("a").ok());
    let of_b = filter(|filter| filter.account = number_of("b").ok());
    let names_b = |job: &&domain::job::Job| job.body.contains("\"b\"");
    let rejected = filter(|filter| filter.outcome = Some(OutcomeName::Rejected));
    for limit in [1, 3, 50, 500] {
        let expected: Vec<_> = batch
            .iter()
            .chain([&dead])
            .rev()
            .filter(|job| job.body.contains("\"a\""))
            .map(|job| job.id)
            .collect();
        let found = listed(&subject, &of_a, limit).await?;
        ensure!(found == expected, "{limit} a page: {} of {}", found.len(), expected.len());
        // Those that were rejected have no entry on b, and draw on a.
        let records = all(&subject, &of_b, limit).await?;
        let posted: Vec<_> = records.iter().map(|record| record.id).collect();
        let turned_down = listed(&subject, &rejected, limit).await?;
        let expected: Vec<_> = batch
            .iter()
            .rev()
            .filter(names_b)
            .map(|job| job.id)
            .filter(|id| !turned_down.contains(id))
            .collect();
        ensure!(posted == expected && !turned_down.is_empty(), "{limit} a page: {posted:?}");
    }
    let kinds = all(&subject, &filter(|filter| filter.kind = Some(Kind::Transfer)), 6).await?;
    ensure!(kinds.len() == 20 && kinds.iter().all(|record| record.kind == Kind::Transfer));
    let poor = filter(|filter| filter.reason = Some(Rejection::InsufficientFunds));
    ensure!(listed(&subject, &poor, 5).await? == listed(&subject, &rejected, 5).await?);
    ensure!(
        listed(&subject, &filter(|filter| filter.outcome = Some(OutcomeName::Dead)), 5).await? == [dead.id]
    );
    ensure!(
        listed(&subject, &filter(|filter| filter.client = Some("acme".to_owned())), 9).await?.len() == 64
    );
    ensure!(
        listed(&subject, &filter(|filter| filter.client = Some("other".to_owned())), 9).await?.is_empty()
    );
    ensure!(
        listed(&subject, &filter(|filter| filter.account = number_of("nobody").ok()), 9).await?.is_empty()
    );

    let first = subject.ledger.job(batch[0].id).await?.context("a job is lost")?.posted_at;
    let early = JobFilter { to: Some(first), ..JobFilter::default() };
    ensure!(listed(&subject, &early, 9).await?.is_empty());
    let since = JobFilter { from: Some(first), to: Some(first + 1), ..JobFilter::default() };
    ensure!(listed(&subject, &since, 9).await?.len() == 63, "those of one batch are of one moment");
    let late = JobFilter { from: Some(first + 3_600_000_000), ..JobFilter::default() };
    ensure!(listed(&subject, &late, 9).await?.is_empty());
    ensure!(subject.ledger.freshness().await? == Freshness::Present && subject.ledger.on_primary().is_none());
    subject.ledger.heartbeat().await?;
    subject.books_are_right().await
}

pub(super) async fn listed(subject: &Subject, filter: &JobFilter, limit: u32) -> anyhow::Result<Vec<JobId>> {
    Ok(all(subject, filter, limit).await?.iter().map(|record| record.id).collect())
}

async fn all(
    subject: &Subject,
    filter: &JobFilter,
    limit: u32,
) -> anyhow::Result<Vec<store::ledger::JobRecord>> {
    let (mut found, mut cursor) = (Vec::new(), None);
    for _ in 0..1_000 {
        let page = subject.ledger.jobs(filter, cursor, limit).await?;
        ensure!(page.jobs.len() <= usize::try_from(limit)?, "a page of {} jobs", page.jobs.len());
        found.extend(page.jobs);
        let Some(next) = page.next else { return Ok(found) };
        cursor = Some(next);
    }
    anyhow::bail!("the pages do not end")
}
