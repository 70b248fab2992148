//! Runs that look for patterns, beside the ledger.

use anyhow::{Context as _, ensure};
use domain::account::AccountNumber;
use domain::id::{Identity, JobId};
use domain::text::Client;
use store::analyses::{Batch, HISTORY_ENTRIES_MAX, NewRun, PatternsRecord, REQUEST_UNKNOWN};

use super::subject::{Jobs, Subject};

fn run(name: &str, requested_at: i64) -> anyhow::Result<NewRun> {
    let id = JobId::derived(&Client::parse("acme")?, Identity::Key(name));
    Ok(NewRun { id, client: "acme".into(), requested_at, request: r#"{"accounts":null}"#.into() })
}

fn batch(run: JobId, number: u64, failed: u64) -> Batch {
    let cause = (failed > 0).then(|| "there is no account bob's".to_owned());
    Batch { run, number, accounts: 100, failed, cause, at: 5_000 + i64::try_from(number).unwrap_or(0) }
}

fn found(run: JobId, account: &str, body: &str) -> anyhow::Result<PatternsRecord> {
    Ok(PatternsRecord { account: AccountNumber::parse(account)?, run, at: 7, body: body.to_owned() })
}

/// A batch that comes again, or a plan, leaves the counts and the results as they are.
pub async fn a_batch_that_comes_again_counts_once(subject: Subject) -> anyhow::Result<()> {
    let analyses = subject.again()?;
    let new = run("first", 1_000)?;
    ensure!(analyses.run(new.id).await?.is_none(), "nobody has begun it");
    for again in [false, true] {
        let begun = analyses.begin(&new).await?;
        ensure!(begun.new == new && begun.is_done() == again && !begun.is_cancelled(), "{begun:?}");
        let results = [found(new.id, "alice", r#"{"it's":"\\ 🦀"}"#)?, found(new.id, "bob", "{}")?];
        analyses.keep(&batch(new.id, 0, 0), &results).await?;
        analyses.keep(&batch(new.id, 1, 3), &[]).await?;
        analyses.planned(new.id, 2, 200).await?;
    }
    let stands = analyses.run(new.id).await?.context("the run")?;
    ensure!(stands.is_done() && stands.batches_done == 2, "{stands:?}");
    let counts = (stands.accounts, stands.accounts_done, stands.accounts_failed);
    ensure!(counts == (Some(200), 200, 3), "{stands:?}");
    ensure!(stands.last_at == Some(5_001), "{stands:?}");
    ensure!(stands.cause.as_deref() == Some("there is no account bob's"), "{stands:?}");

    // A later run takes an account over; what the earlier one found of the other stays its own.
    let later = run("second", 2_000)?;
    analyses.begin(&later).await?;
    analyses.keep(&batch(later.id, 0, 0), &[found(later.id, "bob", r#"{"new":1}"#)?]).await?;
    let bob = analyses.patterns(&AccountNumber::parse("bob")?).await?.context("of bob")?;
    ensure!(bob == found(later.id, "bob", r#"{"new":1}"#)?, "{bob:?}");
    let left = analyses.found(new.id, None, 10).await?;
    ensure!(left == [found(new.id, "alice", r#"{"it's":"\\ 🦀"}"#)?], "{left:?}");
    let behind = analyses.found(new.id, Some(&AccountNumber::parse("alice")?), 10).await?;
    ensure!(behind.is_empty(), "{behind:?}");
    let listed: Vec<_> = analyses.runs(None, None, 10).await?.into_iter().map(|run| run.new.id).collect();
    ensure!(listed == [later.id, new.id], "the newest first: {listed:?}");
    let older = analyses.runs(None, Some(2_000), 10).await?;
    ensure!(older.len() == 1 && older[0].new.id == new.id, "{older:?}");
    Ok(())
}

/// What is cancelled stays so, begun or not; what is done cannot be cancelled.
pub async fn a_cancelled_run_stays_cancelled(subject: Subject) -> anyhow::Result<()> {
    let analyses = subject.again()?;
    let (unbegun, begun, done) = (run("unbegun", 1)?, run("begun", 2)?, run("done", 3)?);
    let note = NewRun { requested_at: 9, request: REQUEST_UNKNOWN.into(), ..unbegun.clone() };
    let of_others = run("of others", 4)?;
    let theirs = NewRun { id: of_others.id, client: "other".into(), ..note.clone() };
    analyses.cancel(&theirs, 10).await?;
    let stands = analyses.begin(&of_others).await?;
    ensure!(
        stands.cancelled_at.is_none() && stands.new == of_others,
        "another client cancels nothing: {stands:?}"
    );
    analyses.cancel(&theirs, 10).await?;
    let stands = analyses.run(of_others.id).await?.context("the run")?;
    ensure!(!stands.is_cancelled(), "nor once it is begun: {stands:?}");
    analyses.cancel(&note, 10).await?;
    ensure!(!analyses.run(unbegun.id).await?.context("the note")?.is_begun(), "nobody has begun it");
    let stands = analyses.begin(&unbegun).await?;
    ensure!(stands.cancelled_at == Some(10), "it is begun as cancelled: {stands:?}");
    ensure!(stands.new == unbegun && stands.is_begun(), "it is known what it was: {stands:?}");
    analyses.begin(&begun).await?;
    analyses.planned(begun.id, 2, 101).await?;
    analyses.keep(&batch(begun.id, 0, 0), &[]).await?;
    analyses.cancel(&begun, 10).await?;
    analyses.cancel(&begun, 20).await?;
    let stands = analyses.run(begun.id).await?.context("the run")?;
    ensure!(stands.cancelled_at == Some(10) && stands.accounts_done == 100, "{stands:?}");
    analyses.begin(&done).await?;
    analyses.planned(done.id, 0, 0).await?;
    analyses.cancel(&done, 10).await?;
    let stands = analyses.run(done.id).await?.context("the run")?;
    ensure!(stands.is_done() && !stands.is_cancelled(), "{stands:?}");
    Ok(())
}

/// Histories are those of the accounts that were asked for, with the jobs that made them, and large results are
/// kept whole.
pub async fn histories_come_with_their_jobs(subject: Subject) -> anyhow::Result<()> {
    let analyses = subject.again()?;
    let jobs = Jobs::default();
    let open = |account: &str| format!(r#"{{"kind":"open_account","account":"{account}","currency":"EUR"}}"#);
    let mut bodies: Vec<String> = ["alice", "bob", "carol"].into_iter().map(open).collect();
    bodies.push(r#"{"kind":"deposit","account":"alice","amount":500,"currency":"EUR"}"#.into());
    bodies.push(
        r#"{"kind":"transfer","from":"alice","to":"bob","amount":200,"currency":"EUR","memo":"rent"}"#.into(),
    );
    let jobs: Vec<_> = bodies.iter().map(|body| jobs.job(body)).collect();
    subject.post(0, &jobs).await?;

    let page = analyses.accounts(0, 2).await?;
    ensure!(page.len() == 2, "{page:?}");
    let rest = analyses.accounts(page[1].key, 10).await?;
    let all = [page, rest].concat();
    let mut numbers: Vec<_> = all.iter().map(|account| account.number.as_str()).collect();
    numbers.sort_unstable();
    ensure!(numbers == ["alice", "bob", "carol"], "clients' accounts, and no others: {numbers:?}");

    let wanted = [AccountNumber::parse("alice")?, AccountNumber::parse("nobody")?];
    let alice = analyses.find(&wanted).await?;
    ensure!(alice.len() == 1 && alice[0].seq == 2, "{alice:?}");
    let mut lines = analyses.histories(&alice).await?;
    lines.sort_by_key(|line| line.amount);
    let amounts: Vec<_> = lines.iter().map(|line| (line.key, line.amount)).collect();
    ensure!(amounts == [(alice[0].key, -200), (alice[0].key, 500)], "{lines:?}");
    ensure!(lines[0].body == jobs[4].body && lines[0].job == jobs[4].id, "{lines:?}");
    ensure!(analyses.histories(&[]).await?.is_empty() && HISTORY_ENTRIES_MAX > 0, "none of nobody");

    let new = run("large", 1)?;
    let large = format!(r#""{}""#, "x".repeat(3_000_000));
    let results: Vec<PatternsRecord> =
        (0..4).map(|n| found(new.id, &format!("large-{n}"), &large)).collect::<anyhow::Result<_>>()?;
    analyses.keep(&batch(new.id, 0, 0), &results).await?;
    ensure!(analyses.found(new.id, None, 10).await? == results, "12 MB in one transaction");
    subject.books_are_right().await
}
