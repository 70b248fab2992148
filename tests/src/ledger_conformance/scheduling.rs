//! Jobs that wait for the day on which they are to be executed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use contract::message;
use domain::cancellation::Whose;
use domain::id::JobId;
use domain::job::Job;
use domain::lane::Lane;
use domain::outcome::{Outcome, RecordedOutcome, Rejection};
use domain::schedule::releases_of;
use futures::future::try_join_all;
use jiff::Timestamp;
use store::ledger::{
    Cancelled, JobFilter, NewCancellation, OutcomeCounts, OutcomeName, ScheduleFilter, SchedulePlace,
};
use store::schedules::DueJob;

use super::subject::{Database, Jobs, Subject, deposit, job, number_of, open};
use crate::wait::until;

/// Longer than any of this takes.
const WITHIN: Duration = Duration::from_secs(20);
/// The lane of all these jobs.
const LANE: Lane = Lane(2);
/// More than there are.
const ALL: u32 = 1_000;
/// How many jobs are cancelled while they are executed.
const RACES: usize = 200;
/// How many of them at once.
const AT_ONCE: usize = 10;

/// In so many milliseconds from now, in microseconds since the Unix epoch.
fn in_ms(ms: i64) -> i64 {
    Timestamp::now().as_microsecond() + ms * 1_000
}

/// The body of a deposit to `a` at a moment.
fn deposit_at(at: i64, amount: i64) -> anyhow::Result<String> {
    let at = Timestamp::from_microsecond(at)?;
    Ok(format!(
        r#"{{"kind":"deposit","account":"a","amount":{amount},"currency":"EUR","execute_at":"{at}"}}"#
    ))
}

/// What a worker takes off the lane once this was put there again.
pub(super) fn released(due: &DueJob) -> anyhow::Result<Job> {
    let received = message::read(&due.message, LANE, &releases_of("worker-1"), in_ms(0))?;
    Ok(Job { origin: due.origin, ..received.job })
}

/// Waits until so many jobs are due.
pub(super) async fn when_due(schedules: &dyn Database, count: usize) -> anyhow::Result<Vec<DueJob>> {
    until("the jobs are due", WITHIN, async || {
        let awaited = schedules.due(LANE, ALL, ALL).await?;
        ensure!(awaited.jobs.len() == count, "{awaited:?}");
        Ok(awaited.jobs)
    })
    .await
}

async fn listed(subject: &Subject, outcome: Option<OutcomeName>) -> anyhow::Result<Vec<JobId>> {
    let filter = JobFilter { outcome, ..JobFilter::default() };
    let page = subject.ledger.jobs(&filter, None, 100).await?;
    Ok(page.jobs.into_iter().map(|job| job.id).collect())
}

async fn scheduled(subject: &Subject, filter: &ScheduleFilter) -> anyhow::Result<Vec<JobId>> {
    let page = subject.ledger.scheduled_jobs(filter, None, 100).await?;
    ensure!(page.next.is_none(), "{page:?}");
    Ok(page.jobs.into_iter().map(|(_, job)| job.id).collect())
}

/// A scheduled job moves nothing until it is due, and is then executed once, in the place in which it is posted; its identity is
/// its own meanwhile.
pub async fn a_scheduled_job_is_executed_once_when_it_is_due(subject: Subject) -> anyhow::Result<()> {
    let (jobs, schedules) = (Jobs::default(), subject.again()?);
    let execute_at = in_ms(700);
    let waits = jobs.job(&deposit_at(execute_at, 10)?);
    let past = jobs.job(&deposit_at(in_ms(-700), 1)?);
    let batch = [jobs.job(&open("a")), waits.clone(), past.clone()];
    let expected = [Outcome::Posted, Outcome::Scheduled, Outcome::Posted];
    ensure!(subject.ledger.try_post(&batch).await? == expected && listed(&subject, None).await?.is_empty());
    ensure!(subject.post(LANE.0, &batch).await? == expected);
    ensure!(subject.funds("a").await? == (1, 0));
    subject.books_are_right().await?;

    let again = RecordedOutcome::Scheduled;
    let other = job(waits.id, 7, &deposit("a", 99));
    let outcomes = subject.post(LANE.0, &[waits.clone(), other]).await?;
    ensure!(outcomes == [Outcome::Duplicate(again), Outcome::Conflict(again)], "{outcomes:?}");
    let counts: OutcomeCounts = subject.ledger.outcome_counts().await?.values().sum();
    ensure!((counts.posted, counts.scheduled, counts.jobs()) == (2, 1, 3), "{counts:?}");
    ensure!(listed(&subject, Some(OutcomeName::Scheduled)).await? == [waits.id]);
    let recorded = subject.ledger.job(waits.id).await?.context("it is recorded")?;
    ensure!(recorded.outcome == again && recorded.conflicts.is_some(), "{recorded:?}");
    ensure!(recorded.execute_at().is_some_and(|at| at.microseconds() == execute_at), "{recorded:?}");
    ensure!(schedules.next_releases(&[LANE]).await?.by_lane.get(&LANE) == Some(&execute_at));
    ensure!(schedules.next_releases(&[Lane(3)]).await?.by_lane.is_empty());

    let due = when_due(&*schedules, 1).await?;
    let release = released(&due[0])?;
    ensure!((release.id, &release.body) == (waits.id, &waits.body), "{release:?}");
    // What its client sends once more is not what executes it.
    ensure!(subject.post(LANE.0, std::slice::from_ref(&waits)).await? == [Outcome::Duplicate(again)]);
    let outcomes = subject.ledger.post(&[release.clone(), release.clone()]).await?;
    let posted = Outcome::Duplicate(RecordedOutcome::Posted);
    ensure!(outcomes == [Outcome::Revived(RecordedOutcome::Posted), posted], "{outcomes:?}");
    ensure!(subject.ledger.post(&[release]).await? == [posted]);
    ensure!(subject.funds("a").await? == (11, 0));
    ensure!(schedules.due(LANE, ALL, ALL).await?.jobs.is_empty());
    ensure!(scheduled(&subject, &ScheduleFilter::default()).await?.is_empty());

    let record = subject.ledger.job(waits.id).await?.context("it is recorded")?;
    ensure!(record.outcome == RecordedOutcome::Posted && record.posted_at >= execute_at, "{record:?}");
    ensure!(
        record.accepted_at == recorded.accepted_at && record.conflicts == recorded.conflicts,
        "{record:?}"
    );
    let related = subject.ledger.related(&record).await?;
    ensure!(related.ingress == format!("ingress-{}", LANE.0), "{related:?}");
    ensure!(related.scheduled_at == Some(recorded.posted_at), "{related:?}");
    ensure!(listed(&subject, None).await?.first() == Some(&waits.id), "it is not where it was posted");
    let counts: OutcomeCounts = subject.ledger.outcome_counts().await?.values().sum();
    ensure!((counts.posted, counts.scheduled, counts.jobs()) == (3, 0, 3), "{counts:?}");
    // Its neighbours on its lane are in the order of their acceptance.
    subject.post(LANE.0, &[jobs.job(&deposit("a", 1))]).await?;
    subject.books_are_right().await
}

/// What is due is put on its lane in the order in which it is due, no more of it than there may be at once; what was put there
/// and did not come, once more.
pub async fn due_jobs_are_released_in_order_and_until_they_come(subject: Subject) -> anyhow::Result<()> {
    let (jobs, schedules) = (Jobs::default(), subject.again()?);
    let (first, second) = (in_ms(400), in_ms(500));
    let bodies = [deposit_at(second, 4)?, deposit_at(first, 1)?, deposit_at(first, 2)?];
    let batch: Vec<Job> = bodies.iter().map(|body| jobs.job(body)).collect();
    ensure!(subject.post(LANE.0, &[jobs.job(&open("a"))]).await? == [Outcome::Posted]);
    ensure!(subject.post(LANE.0, &batch).await? == [Outcome::Scheduled; 3]);
    let due = when_due(&*schedules, 3).await?;
    let ids = due.iter().map(|due| Ok(released(due)?.id)).collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(ids == [batch[1].id, batch[2].id, batch[0].id], "{ids:?}");

    let few = schedules.due(LANE, 2, ALL).await?;
    ensure!(few.jobs == due[..2] && few.is_more, "{few:?}");
    ensure!(schedules.due(LANE, ALL, 1).await?.jobs == due[..1]);
    let pause = |ms| Duration::from_millis(ms);
    schedules.note_released(&[(due[0].seq, pause(200)), (due[1].seq, pause(3_600_000))], few.now).await?;
    let full = schedules.due(LANE, 2, ALL).await?;
    ensure!(full.jobs.is_empty() && full.is_more, "there is no room: {full:?}");
    // The first did not come: it is there again, though there is no room for others.
    let lost = until("it is released once more", WITHIN, async || {
        let lost = schedules.due(LANE, 2, ALL).await?;
        ensure!(!lost.jobs.is_empty(), "not yet");
        Ok(lost)
    })
    .await?;
    let is_first = lost.jobs.len() == 1 && lost.jobs[0].seq == due[0].seq && lost.jobs[0].releases == 1;
    ensure!(is_first && lost.is_more, "{lost:?}");
    let all = due.iter().map(released).collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(subject.ledger.post(&all).await? == [Outcome::Revived(RecordedOutcome::Posted); 3]);
    ensure!(schedules.due(LANE, ALL, ALL).await?.jobs.is_empty());
    subject.books_are_right().await
}

/// Funds are those of the moment at which a job is due, and a rejection is final.
pub async fn a_scheduled_job_meets_the_funds_of_its_day(subject: Subject) -> anyhow::Result<()> {
    let (jobs, schedules) = (Jobs::default(), subject.again()?);
    let at = Timestamp::from_microsecond(in_ms(300))?;
    let withdrawal = |amount: i64| {
        format!(
            r#"{{"kind":"withdrawal","account":"a","amount":{amount},"currency":"EUR","execute_at":"{at}"}}"#
        )
    };
    let batch = [jobs.job(&withdrawal(5)), jobs.job(&withdrawal(6)), jobs.job(&open("a"))];
    let outcomes = subject.post(LANE.0, &batch).await?;
    ensure!(outcomes == [Outcome::Scheduled, Outcome::Scheduled, Outcome::Posted], "{outcomes:?}");
    subject.post(LANE.0, &[jobs.job(&deposit("a", 10))]).await?;
    let due = when_due(&*schedules, 2).await?;
    let all = due.iter().map(released).collect::<anyhow::Result<Vec<_>>>()?;
    let lacking = RecordedOutcome::Rejected(Rejection::InsufficientFunds);
    let outcomes = subject.ledger.post(&all).await?;
    ensure!(
        outcomes == [Outcome::Revived(RecordedOutcome::Posted), Outcome::Revived(lacking)],
        "{outcomes:?}"
    );
    ensure!(subject.ledger.post(&all[1..]).await? == [Outcome::Duplicate(lacking)]);
    ensure!(subject.funds("a").await? == (5, 0));
    subject.books_are_right().await
}

/// A scheduled job that can never be posted is dead, and not scheduled any more.
pub async fn a_scheduled_job_that_cannot_be_posted_dies(subject: Subject) -> anyhow::Result<()> {
    let (jobs, schedules) = (Jobs::default(), subject.again()?);
    let dies = jobs.job(&deposit_at(in_ms(300), 5)?);
    subject.post(LANE.0, &[jobs.job(&open("a")), dies.clone()]).await?;
    let due = when_due(&*schedules, 1).await?;
    let release = released(&due[0])?;
    ensure!(!subject.ledger.record_dead(&job(dies.id, 1, &deposit("a", 9)), "another body").await?);
    ensure!(subject.ledger.record_dead(&release, "a cause").await?);
    ensure!(!subject.ledger.record_dead(&release, "a cause").await?, "it is there");
    let record = subject.ledger.job(dies.id).await?.context("it is recorded")?;
    ensure!(record.outcome == RecordedOutcome::Dead, "{record:?}");
    ensure!(schedules.due(LANE, ALL, ALL).await?.jobs.is_empty());
    let counts: OutcomeCounts = subject.ledger.outcome_counts().await?.values().sum();
    ensure!((counts.dead, counts.scheduled) == (1, 0), "{counts:?}");
    subject.books_are_right().await?;
    // Replayed, as any other dead job.
    ensure!(subject.post(LANE.0, &[dies]).await? == [Outcome::Revived(RecordedOutcome::Posted)]);
    ensure!(subject.funds("a").await? == (5, 0));
    subject.books_are_right().await
}

/// A scheduled job that was cancelled comes at once, is recorded as that, and never posts. Another client's cancellation is
/// none.
pub async fn a_cancelled_scheduled_job_is_never_executed(subject: Subject) -> anyhow::Result<()> {
    let (jobs, schedules) = (Jobs::default(), subject.again()?);
    let far = in_ms(3_600_000);
    let [own, operators, foreign] =
        [1, 10, 100].map(|amount| deposit_at(far, amount).map(|body| jobs.job(&body)));
    let (own, operators, foreign) = (own?, operators?, foreign?);
    let batch = [own.clone(), operators.clone(), foreign.clone()];
    subject.post(LANE.0, &[jobs.job(&open("a"))]).await?;
    ensure!(subject.post(LANE.0, &batch).await? == [Outcome::Scheduled; 3]);
    let by = |client: &str| -> anyhow::Result<NewCancellation> {
        Ok(NewCancellation { whose: Whose::Clients(client.parse()?), by: client.to_owned(), reason: None })
    };
    let anybodys = NewCancellation { whose: Whose::Anybodys, by: "ops".to_owned(), reason: None };
    for (id, by) in [(own.id, by("acme")?), (own.id, by("acme")?), (operators.id, anybodys)] {
        let answer = subject.ledger.cancel_job(id, &by).await?;
        ensure!(matches!(answer, Cancelled::Waiting(_)), "{answer:?}");
    }
    let answer = subject.ledger.cancel_job(foreign.id, &by("beta")?).await?;
    let Cancelled::Recorded(record) = answer else { bail!("{answer:?}") };
    ensure!(record.outcome == RecordedOutcome::Scheduled, "{record:?}");
    ensure!(scheduled(&subject, &ScheduleFilter::default()).await? == [foreign.id]);

    let due = when_due(&*schedules, 2).await?;
    let all = due.iter().map(released).collect::<anyhow::Result<Vec<_>>>()?;
    let again = Outcome::Duplicate(RecordedOutcome::Cancelled);
    ensure!(subject.post(LANE.0, std::slice::from_ref(&own)).await? == [again], "it is sent once more");
    ensure!(subject.ledger.post(&all).await? == [Outcome::Cancelled; 2]);
    ensure!(subject.ledger.post(&all).await? == [again; 2]);
    ensure!(schedules.due(LANE, ALL, ALL).await?.jobs.is_empty());
    let counts: OutcomeCounts = subject.ledger.outcome_counts().await?.values().sum();
    ensure!((counts.posted, counts.cancelled, counts.scheduled) == (1, 2, 1), "{counts:?}");
    ensure!(subject.funds("a").await? == (0, 0));
    subject.books_are_right().await
}

/// Cancelled while it is executed, a job is posted or cancelled, never both and never neither, as both are told.
pub async fn a_cancellation_and_an_execution_never_both_have_their_way(
    subject: Subject,
) -> anyhow::Result<()> {
    let (jobs, schedules, subject) = (Jobs::default(), subject.again()?, Arc::new(subject));
    subject.post(LANE.0, &[jobs.job(&open("a"))]).await?;
    let at = in_ms(500);
    let all = (0..RACES).map(|_| Ok(jobs.job(&deposit_at(at, 1)?))).collect::<anyhow::Result<Vec<_>>>()?;
    for batch in all.chunks(100) {
        ensure!(subject.post(LANE.0, batch).await?.iter().all(|outcome| *outcome == Outcome::Scheduled));
    }
    let due = when_due(&*schedules, RACES).await?;
    let mine =
        NewCancellation { whose: Whose::Clients("acme".parse()?), by: "acme".to_owned(), reason: None };
    let (mut posted, mut stopped) = (0, 0);
    for due in due.chunks(AT_ONCE) {
        let batch = due.iter().map(released).collect::<anyhow::Result<Vec<_>>>()?;
        let cancelling = try_join_all(batch.iter().map(|job| subject.ledger.cancel_job(job.id, &mine)));
        let (outcomes, cancelled) = tokio::join!(subject.ledger.post(&batch), cancelling);
        for (outcome, cancelled) in outcomes?.into_iter().zip(cancelled?) {
            match (outcome, cancelled) {
                (Outcome::Cancelled, Cancelled::Waiting(_)) => stopped += 1,
                (Outcome::Revived(RecordedOutcome::Posted), Cancelled::Recorded(record))
                    if record.outcome == RecordedOutcome::Posted =>
                {
                    posted += 1;
                }
                both => bail!("{both:?}"),
            }
        }
    }
    eprintln!("{posted} were executed, {stopped} cancelled");
    ensure!(subject.funds("a").await? == (posted, 0));
    let totals = subject.ledger.totals().await?;
    let expected = (posted.unsigned_abs() + 1, stopped, 0);
    ensure!((totals.posted, totals.cancelled, totals.scheduled) == expected, "{totals:?}");
    subject.books_are_right().await
}

/// What waits is listed in the order in which it is due, by account, client, kind and time, page by page.
pub async fn scheduled_jobs_are_listed_in_the_order_in_which_they_are_due(
    subject: Subject,
) -> anyhow::Result<()> {
    let (jobs, base) = (Jobs::default(), in_ms(3_600_000));
    let at = |hours: i64| Timestamp::from_microsecond(base + hours * 3_600_000_000);
    let transfer = |to: &str, hours: i64| -> anyhow::Result<Job> {
        let at = at(hours)?;
        Ok(jobs.job(&format!(
            r#"{{"kind":"transfer","from":"a","to":"{to}","amount":1,"currency":"EUR","execute_at":"{at}"}}"#
        )))
    };
    let batch = [transfer("b", 3)?, transfer("c", 1)?, transfer("b", 1)?, jobs.job(&deposit_at(base, 5)?)];
    ensure!(subject.post(LANE.0, &batch).await? == [Outcome::Scheduled; 4]);
    let [third, second, also_second, first] = batch.each_ref().map(|job| job.id);
    let all = ScheduleFilter::default();
    ensure!(scheduled(&subject, &all).await? == [first, second, also_second, third]);
    let of = |jobs: JobFilter| ScheduleFilter { jobs, ..ScheduleFilter::default() };
    let on_b = JobFilter { account: Some(number_of("b")?), ..JobFilter::default() };
    ensure!(scheduled(&subject, &of(on_b)).await? == [also_second, third]);
    let deposits = JobFilter { kind: Some(domain::job::Kind::Deposit), ..JobFilter::default() };
    ensure!(scheduled(&subject, &of(deposits)).await? == [first]);
    let others = JobFilter { of_client: Some("beta".to_owned()), ..JobFilter::default() };
    ensure!(scheduled(&subject, &of(others)).await?.is_empty());
    let granted = JobFilter {
        client: Some("beta".to_owned()),
        or_touching: Some("c".parse()?),
        ..JobFilter::default()
    };
    ensure!(scheduled(&subject, &of(granted)).await? == [second]);
    let hour = at(1)?.as_microsecond();
    let of_hour = ScheduleFilter { from: Some(hour), to: Some(hour + 1), ..ScheduleFilter::default() };
    ensure!(scheduled(&subject, &of_hour).await? == [second, also_second]);

    let (mut found, mut place): (_, Option<SchedulePlace>) = (Vec::new(), None);
    loop {
        let page = subject.ledger.scheduled_jobs(&all, place, 1).await?;
        found.extend(page.jobs.into_iter().map(|(_, job)| job.id));
        place = page.next;
        if place.is_none() {
            break;
        }
    }
    ensure!(found == [first, second, also_second, third], "{found:?}");
    subject.books_are_right().await
}

/// What is wrong between the jobs that say that they are scheduled and what is to be put on the lanes shows.
pub async fn tampering_with_schedules_shows(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let waits = jobs.job(&deposit_at(in_ms(3_600_000), 5)?);
    subject.post(LANE.0, &[jobs.job(&open("a")), waits.clone()]).await?;
    let cases = [
        ("UPDATE scheduled_jobs SET due_at = due_at - 1", "UPDATE scheduled_jobs SET due_at = due_at + 1"),
        (
            "UPDATE scheduled_jobs SET message = REPLACE(message, '\"amount\":5', '\"amount\":6')",
            "UPDATE scheduled_jobs SET message = REPLACE(message, '\"amount\":6', '\"amount\":5')",
        ),
        (
            "UPDATE jobs SET outcome = 'dead', cause = 'x' WHERE outcome = 'scheduled'",
            "UPDATE jobs SET outcome = 'scheduled', cause = NULL WHERE outcome = 'dead'",
        ),
        (
            "UPDATE lane_totals SET scheduled = 2 WHERE lane = 2",
            "UPDATE lane_totals SET scheduled = 1 WHERE lane = 2",
        ),
    ];
    for (tampering, undone) in cases {
        subject.behind_its_back(tampering).await?;
        let audit = subject.ledger.audit().await?;
        ensure!(!audit.is_clean(), "{tampering} does not show");
        subject.behind_its_back(undone).await?;
        subject.books_are_right().await?;
    }
    subject.behind_its_back("DELETE FROM scheduled_jobs").await?;
    let audit = subject.ledger.audit().await?;
    let is_named = audit.findings.iter().any(|found| found.contains("nothing will put it on its lane"));
    ensure!(is_named && audit.findings[0].contains(&waits.id.to_string()), "{:?}", audit.findings);
    subject.behind_its_back("DELETE FROM jobs WHERE outcome = 'scheduled'").await?;
    ensure!(!subject.ledger.audit().await?.is_clean(), "a deleted job does not show");
    Ok(())
}
