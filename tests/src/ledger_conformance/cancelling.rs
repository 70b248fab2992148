//! Jobs that are cancelled while they wait.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use domain::cancellation::Whose;
use domain::id::JobId;
use domain::job::{Job, Origin};
use domain::outcome::{Outcome, RecordedOutcome};
use domain::text::Client;
use futures::future::try_join_all;
use store::ledger::{Cancelled, JobFilter, NewCancellation, OutcomeCounts, OutcomeName};

use super::subject::{Jobs, Subject, deposit, open};

/// How many jobs are cancelled while they are posted.
const RACES: usize = 1_000;
/// How many of them at once.
const AT_ONCE: usize = 10;

fn by(client: &str, reason: Option<&str>) -> anyhow::Result<NewCancellation> {
    let reason = reason.map(str::parse).transpose()?;
    Ok(NewCancellation { whose: Whose::Clients(Client::parse(client)?), by: client.to_owned(), reason })
}

fn by_an_operator() -> NewCancellation {
    NewCancellation { whose: Whose::Anybodys, by: "ops".to_owned(), reason: None }
}

async fn cancelled(subject: &Subject, id: JobId, by: &NewCancellation) -> anyhow::Result<i64> {
    match subject.ledger.cancel_job(id, by).await? {
        Cancelled::Waiting(cancellation) => Ok(cancellation.at),
        Cancelled::Recorded(record) => anyhow::bail!("{id} is {:?}", record.outcome),
    }
}

/// A cancelled job never takes effect, its neighbours do, and it is recorded once, when it comes.
pub async fn a_cancelled_job_never_posts(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    subject.post(2, &[jobs.job(&open("a"))]).await?;
    let [own, operators, foreign, posted] = [1, 10, 100, 1_000].map(|amount| jobs.job(&deposit("a", amount)));
    let (mine, theirs) = (by("acme", Some("wrong, 'amount'"))?, by("beta", None)?);
    let at = cancelled(&subject, own.id, &mine).await?;
    ensure!(cancelled(&subject, own.id, &by("acme", Some("another"))?).await? == at, "the first one stays");
    cancelled(&subject, operators.id, &by_an_operator()).await?;
    cancelled(&subject, foreign.id, &theirs).await?;

    // Nothing is there yet.
    let ids = [own.id, operators.id, foreign.id];
    let listed = async |outcome| -> anyhow::Result<Vec<JobId>> {
        let filter = JobFilter { outcome, ..JobFilter::default() };
        let page = subject.ledger.jobs(&filter, None, 100).await?;
        Ok(page.jobs.into_iter().map(|job| job.id).collect())
    };
    for id in ids {
        ensure!(subject.ledger.job(id).await?.is_none());
    }
    ensure!(subject.ledger.recorded(&ids).await?.is_empty());
    ensure!(subject.ledger.jobs_of(&ids).await?.is_empty());
    ensure!(listed(None).await?.len() == 1 && listed(Some(OutcomeName::Cancelled)).await?.is_empty());
    subject.books_are_right().await?;

    let batch = [own.clone(), operators.clone(), foreign.clone(), posted.clone()];
    let tried = subject.ledger.try_post(&batch).await?;
    let expected = [Outcome::Cancelled, Outcome::Cancelled, Outcome::Posted, Outcome::Posted];
    ensure!(tried == expected && subject.ledger.job(own.id).await?.is_none(), "{tried:?}");
    let outcomes = subject.post(2, &batch).await?;
    ensure!(outcomes == expected, "{outcomes:?}");
    ensure!(subject.funds("a").await? == (1_100, 0));

    let again = RecordedOutcome::Cancelled;
    let outcomes = subject.post(2, &[own.clone(), Job { id: own.id, ..jobs.job(&deposit("a", 9)) }]).await?;
    ensure!(outcomes == [Outcome::Duplicate(again), Outcome::Conflict(again)], "{outcomes:?}");
    let counts: OutcomeCounts = subject.ledger.outcome_counts().await?.values().sum();
    ensure!((counts.posted, counts.cancelled, counts.jobs()) == (3, 2, 5), "{counts:?}");
    ensure!(subject.ledger.totals().await?.cancelled == 2);

    let record = subject.ledger.job(own.id).await?.context("it has come")?;
    ensure!(record.outcome == RecordedOutcome::Cancelled && record.body == own.body, "{record:?}");
    ensure!(record.client == "acme" && record.posted_at == at, "{record:?}");
    let who = subject.ledger.cancellations(own.id).await?;
    let [who] = who.as_slice() else { anyhow::bail!("{who:?}") };
    ensure!(who.by == "acme" && who.reason.as_deref() == Some("wrong, 'amount'") && who.at == at, "{who:?}");
    ensure!(listed(Some(OutcomeName::Cancelled)).await? == [operators.id, own.id]);
    ensure!(subject.ledger.recorded(&ids).await?.len() == 3);
    subject.books_are_right().await
}

/// A cancellation that comes too late changes nothing, and says what became of the job.
pub async fn a_cancellation_that_comes_too_late_says_so(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let (opened, refused, dead) = (jobs.job(&open("a")), jobs.job(&open("a")), jobs.job(&deposit("a", 5)));
    subject.post(0, &[opened.clone(), refused.clone()]).await?;
    subject.ledger.record_dead(&dead, "a cause").await?;
    for job in [&opened, &refused, &dead] {
        let recorded = subject.ledger.job(job.id).await?.context("it is there")?;
        for by in [by("acme", None)?, by_an_operator(), by("beta", None)?] {
            let answer = subject.ledger.cancel_job(job.id, &by).await?;
            let Cancelled::Recorded(record) = answer else { anyhow::bail!("{answer:?}") };
            ensure!(record.outcome == recorded.outcome && record.body == job.body, "{record:?}");
        }
    }
    let outcomes = subject.post(0, &[opened, refused, dead]).await?;
    ensure!(matches!(
        outcomes.as_slice(),
        [Outcome::Duplicate(_), Outcome::Duplicate(_), Outcome::Revived(_)]
    ));
    ensure!(subject.funds("a").await? == (5, 0));
    subject.books_are_right().await
}

/// A job that dies under an id that another client cancelled is dead, with its cause; one that is cancelled is not, and
/// never posts.
pub async fn a_job_that_dies_under_a_cancelled_id_is_dead_or_cancelled(
    subject: Subject,
) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    subject.post(0, &[jobs.job(&open("a"))]).await?;
    let [stopped, dead] = [1, 10].map(|amount| jobs.job(&deposit("a", amount)));
    cancelled(&subject, stopped.id, &by("acme", None)?).await?;
    cancelled(&subject, dead.id, &by("beta", None)?).await?;
    ensure!(subject.ledger.record_dead(&dead, "a cause").await?);
    ensure!(!subject.ledger.record_dead(&dead, "another").await?, "it is there");
    ensure!(!subject.ledger.record_dead(&stopped, "a cause").await?);
    let record = subject.ledger.job(dead.id).await?.context("it is recorded")?;
    ensure!(record.outcome == RecordedOutcome::Dead && record.body == dead.body, "{record:?}");
    ensure!(subject.ledger.related(&record).await?.cause.as_deref() == Some("a cause"), "{record:?}");
    ensure!(subject.ledger.totals().await?.dead == 1);
    subject.books_are_right().await?;
    let outcomes = subject.post(0, &[stopped, dead]).await?;
    ensure!(outcomes == [Outcome::Cancelled, Outcome::Revived(RecordedOutcome::Posted)], "{outcomes:?}");
    ensure!(subject.funds("a").await? == (10, 0));
    subject.books_are_right().await
}

/// Cancelled while it is posted, a job is posted or cancelled, never both and never neither, as both are told.
pub async fn a_cancellation_and_a_posting_never_both_have_their_way(subject: Subject) -> anyhow::Result<()> {
    let (jobs, subject) = (Jobs::default(), Arc::new(subject));
    subject.post(0, &[jobs.job(&open("a"))]).await?;
    let (mut posted, mut stopped) = (0, 0);
    for _ in 0..RACES / AT_ONCE {
        let batch: Vec<Job> = (0..AT_ONCE).map(|_| jobs.job(&deposit("a", 1))).collect();
        let mine = by("acme", None)?;
        let cancelling = try_join_all(batch.iter().map(|job| subject.ledger.cancel_job(job.id, &mine)));
        let (outcomes, cancelled) = tokio::join!(subject.post(0, &batch), cancelling);
        let told = outcomes?.into_iter().zip(cancelled?);
        for (outcome, cancelled) in told {
            match (outcome, cancelled) {
                (Outcome::Cancelled, Cancelled::Waiting(_)) => stopped += 1,
                (Outcome::Posted, Cancelled::Recorded(record))
                    if record.outcome == RecordedOutcome::Posted =>
                {
                    posted += 1;
                }
                both => anyhow::bail!("{both:?}"),
            }
        }
    }
    eprintln!("{posted} were posted, {stopped} cancelled");
    ensure!(subject.funds("a").await? == (posted, 0));
    let totals = subject.ledger.totals().await?;
    ensure!((totals.posted, totals.cancelled) == (posted.unsigned_abs() + 1, stopped), "{totals:?}");
    subject.books_are_right().await
}

/// A row of an import whose job was cancelled counts as that, once.
pub async fn a_cancelled_row_counts_once(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let origin = Some(Origin { import: 7, row: 1 });
    let row = Job { origin, ..jobs.job(&deposit("a", 5)) };
    cancelled(&subject, row.id, &by("acme", None)?).await?;
    ensure!(
        subject.post(0, &[jobs.job(&open("a")), row.clone()]).await? == [Outcome::Posted, Outcome::Cancelled]
    );
    subject.post(0, &[row]).await?;
    let noted = "UPDATE import_rows SET reason = 'x' WHERE outcome = 'cancelled' AND reason IS NULL";
    ensure!(subject.behind_its_back(noted).await? == 1, "no row says so");
    subject.books_are_right().await
}
