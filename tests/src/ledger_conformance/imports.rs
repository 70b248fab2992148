//! Imports, and what posting writes about their rows.

use anyhow::{Context as _, ensure};
use domain::account::AccountNumber;
use domain::cancellation::Whose;
use domain::fingerprint::Fingerprint;
use domain::job::{Job, Kind, Origin};
use domain::lane::Lane;
use domain::outcome::{Outcome, RecordedOutcome};
use futures::future::try_join_all;
use store::imports::{
    ContentOf, Import, ImportState, Imports, NewImport, Progress, Refusal, RowOutcome, RowTally, Share,
    Standing,
};
use store::ledger::{JobFilter, NewCancellation};

use super::listings::listed;
use super::scheduling::{released, when_due};
use super::subject::{Jobs, Subject, deposit, open, transfer};

fn new(client: &str, content: u8) -> NewImport {
    NewImport {
        client: client.to_owned(),
        digest: [content; 32],
        owner: "api-1".to_owned(),
        description: r#"{"name":"it's \\ 🦀.csv"}"#.to_owned(),
        created_at: 1_000,
    }
}

fn of(import: &Import, row: u64, job: Job) -> Job {
    Job { origin: Some(Origin { import: import.number, row }), ..job }
}

fn progress(state: ImportState, read_to: u64) -> Progress {
    Progress { state, read_to, accepted: read_to, ..Progress::default() }
}

async fn tally(imports: &dyn Imports, import: &Import) -> anyhow::Result<RowTally> {
    imports.tallies(&[import.number]).await?.remove(&import.number).context("no totals")
}

/// The same file of the same client is one import until that has ended, also for many at once.
pub async fn a_file_is_one_import_until_it_has_ended(subject: Subject) -> anyhow::Result<()> {
    let imports = subject.again()?;
    let file = new("acme", 1);
    let opened = try_join_all((0..8).map(|_| imports.create(&file))).await?;
    let number = opened[0].import.number;
    ensure!(opened.iter().all(|opened| opened.import.number == number), "{opened:?}");
    ensure!(opened.iter().filter(|opened| opened.is_new).count() == 1, "{opened:?}");
    let import = imports.import(number).await?.context("no import")?;
    ensure!(
        (import.client.as_str(), import.digest, import.created_at) == ("acme", [1; 32], 1_000),
        "{import:?}"
    );
    ensure!(import.description == file.description && import.progress == Progress::default(), "{import:?}");

    let others = [imports.create(&new("acme", 2)).await?, imports.create(&new("other", 1)).await?];
    ensure!(others.iter().all(|opened| opened.is_new && opened.import.number != number), "{others:?}");
    imports.checkpoint(number, "api-1", &progress(ImportState::Done, 3), &[], 2_000).await?;
    let again = imports.create(&file).await?;
    ensure!(again.is_new && again.import.number > number, "{again:?}");

    let listed = imports.imports(Some("acme"), None, 10).await?;
    let listed: Vec<_> = listed.iter().map(|import| import.number).collect();
    ensure!(listed == [again.import.number, others[0].import.number, number], "{listed:?}");
    ensure!(imports.imports(None, Some(number), 10).await?.is_empty(), "nothing is older");
    ensure!(imports.import(u64::MAX).await?.is_none(), "there is none of this number");
    Ok(())
}

/// An import knows which earlier ones of its client have rows of its own.
pub async fn an_import_knows_what_it_shares_with_earlier_ones(subject: Subject) -> anyhow::Result<()> {
    let imports = subject.again()?;
    let mut numbers = Vec::new();
    for (client, digest) in [("acme", 1), ("acme", 2), ("other", 3), ("acme", 4), ("acme", 5)] {
        numbers.push(imports.create(&new(client, digest)).await?.import.number);
    }
    let content = |rows: &[&str]| {
        let mut content = ContentOf::default();
        rows.iter().for_each(|row| content.add_job(Fingerprint::of(row)));
        content.finish()
    };
    let record = async |place: usize, rows: &[&str], is_kept| {
        imports.record_content(numbers[place], &content(rows), is_kept).await
    };
    let share = |place: usize, rows| Share { import: numbers[place], rows };
    ensure!(record(0, &["a", "b"], true).await?.is_empty());
    ensure!(record(1, &["b", "c", "d"], false).await? == [share(0, 1)], "a dry run is told too");
    ensure!(record(2, &["a", "b"], true).await?.is_empty(), "another client's is not compared");
    ensure!(record(3, &["a", "b", "c", "d"], true).await? == [share(0, 2)], "a dry run posts nothing");
    ensure!(record(4, &["a", "c", "d"], true).await? == [share(3, 3), share(0, 1)]);
    ensure!(record(4, &["a", "c", "d"], true).await? == [share(3, 3), share(0, 1)], "again after a crash");
    ensure!(imports.shares(numbers[4]).await? == [share(3, 3), share(0, 1)]);
    ensure!(imports.shares(numbers[0]).await?.is_empty());
    Ok(())
}

/// Only the owner writes down how far it has come; it learns of a cancellation; a stale import changes hands.
pub async fn only_its_owner_moves_an_import_on(subject: Subject) -> anyhow::Result<()> {
    let imports = subject.again()?;
    let number = imports.create(&new("acme", 1)).await?.import.number;
    let refusals: Vec<_> = [2, 4]
        .into_iter()
        .map(|row| Refusal {
            row,
            line: row + 1,
            column: (row == 4).then_some(7),
            field: (row == 4).then(|| "amount".to_owned()),
            reason: format!("row {row}: it's no number 🦀"),
            raw: vec![0, 0xff, b'\'', b'\\'],
        })
        .collect();
    let halfway = Progress {
        refused: 2,
        bytes_read: 77,
        remark: Some("waits".to_owned()),
        ..progress(ImportState::Reading, 5)
    };
    // Twice: a checkpoint that nobody knows of is written again.
    for at in [2_000, 3_000] {
        let standing = imports.checkpoint(number, "api-1", &halfway, &refusals, at).await?;
        ensure!(standing == Standing { owned: true, cancel_requested: false }, "{standing:?}");
    }
    let import = imports.import(number).await?.context("no import")?;
    ensure!(import.progress == halfway && import.started_at == Some(2_000), "{import:?}");
    ensure!(imports.refusals(number, 0, 10).await? == refusals, "the refusals differ");
    ensure!(imports.refusals(number, 3, 10).await? == refusals[1..], "those after row 2 differ");

    // However much there is to say, it can be written down.
    let [long, long_field] = [70_000, 300].map(|chars| "🦀".repeat(chars));
    let talkative = Progress { remark: Some(long.clone()), ..halfway.clone() };
    let refusal =
        Refusal { row: 5, reason: long.clone(), field: Some(long_field.clone()), ..refusals[1].clone() };
    imports.checkpoint(number, "api-1", &talkative, std::slice::from_ref(&refusal), 3_000).await?;
    let remark =
        imports.import(number).await?.and_then(|import| import.progress.remark).context("no remark")?;
    ensure!(remark.len() < 10_000 && long.starts_with(&remark), "{} bytes", remark.len());
    let kept = imports.refusals(number, 5, 1).await?.pop().context("no refusal")?;
    ensure!(long.starts_with(&kept.reason) && kept.field.is_some_and(|field| long_field.starts_with(&field)));

    ensure!(!imports.take_over(number, "api-2", 3_000, 4_000).await?, "its owner lives");
    ensure!(imports.take_over(number, "api-2", 3_001, 4_000).await?, "its owner is gone");
    let standing = imports.checkpoint(number, "api-1", &progress(ImportState::Done, 9), &[], 5_000).await?;
    ensure!(!standing.owned, "{standing:?}");
    imports.request_cancel(number, 4_000, 6_000).await?;
    let standing = imports.checkpoint(number, "api-2", &halfway, &[], 6_000).await?;
    ensure!(standing == Standing { owned: true, cancel_requested: true }, "{standing:?}");
    imports.request_cancel(number, 6_001, 7_000).await?;
    let import = imports.import(number).await?.context("no import")?;
    ensure!(import.progress.state == ImportState::Cancelled && import.progress.read_to == 5, "{import:?}");
    ensure!(import.progress.remark.is_none(), "it does not wait any more: {import:?}");
    ensure!(!imports.take_over(number, "api-3", 9_000, 9_000).await?, "it has ended");
    Ok(())
}

/// Each row of an import has one outcome, counted once, however often its job comes and by which import.
pub async fn a_row_is_counted_once(subject: Subject) -> anyhow::Result<()> {
    let imports = subject.again()?;
    let (first, second) =
        (imports.create(&new("a", 1)).await?.import, imports.create(&new("a", 2)).await?.import);
    let jobs = Jobs::default();
    let batch = [
        of(&first, 1, jobs.job(&open("a"))),
        of(&first, 2, jobs.job(&open("b"))),
        of(&first, 3, jobs.job(&deposit("a", 10))),
        of(&first, 4, Job { lane: Lane(5), ..jobs.job(&transfer("b", "a", 1)) }),
        of(&first, 5, Job { lane: Lane(5), ..jobs.job(&transfer("a", "nobody", 1)) }),
        jobs.job(&deposit("a", 1)),
    ];
    subject.ledger.post(&batch).await?;
    let counted = RowTally { posted: 3, rejected: 2, ..RowTally::default() };
    ensure!(tally(&*imports, &first).await? == counted, "{:?}", tally(&*imports, &first).await?);
    // A redelivery, whole and in parts, also with a row twice in a batch.
    subject.ledger.post(&batch).await?;
    subject.ledger.post(&[batch[3].clone(), batch[3].clone(), batch[0].clone()]).await?;
    ensure!(tally(&*imports, &first).await? == counted, "a redelivery counts");

    // The same jobs by another import are duplicates of it, one of them with another body.
    let mut again: Vec<_> = (1..).zip(&batch[..5]).map(|(row, job)| of(&second, row, job.clone())).collect();
    again[2] = of(&second, 3, Job { id: batch[2].id, ..jobs.job(&deposit("a", 11)) });
    let outcomes = subject.ledger.post(&again).await?;
    ensure!(matches!(outcomes[2], Outcome::Conflict(_)), "{outcomes:?}");
    subject.ledger.post(&again).await?;
    let expected = RowTally { duplicate: 4, conflict: 1, ..RowTally::default() };
    ensure!(tally(&*imports, &second).await? == expected, "{:?}", tally(&*imports, &second).await?);
    ensure!(tally(&*imports, &first).await? == counted, "another import's rows count here");

    // A file's jobs are listed from its last row on, without the one that is another job.
    let of_second = JobFilter { import: Some(second.number), ..JobFilter::default() };
    let ids = |rows: &[usize]| rows.iter().map(|row| batch[row - 1].id).collect::<Vec<_>>();
    for limit in [1, 2, 4, 9] {
        ensure!(listed(&subject, &of_second, limit).await? == ids(&[5, 4, 2, 1]), "in pages of {limit}");
    }
    let of_account = |import: &Import, number: &str| {
        let account = AccountNumber::from_books(number);
        JobFilter { account, import: Some(import.number), ..JobFilter::default() }
    };
    ensure!(listed(&subject, &of_account(&second, "a"), 2).await? == ids(&[5, 1]), "that draw on an account");
    let outside = format!("external:EUR:{}", batch[2].lane.0);
    ensure!(listed(&subject, &of_account(&first, &outside), 2).await? == ids(&[3]), "with an entry on it");
    let opened = JobFilter { kind: Some(Kind::OpenAccount), ..of_second };
    ensure!(listed(&subject, &opened, 1).await? == ids(&[2, 1]), "of a kind");
    let of_none = JobFilter { import: Some(second.number + 1), ..JobFilter::default() };
    ensure!(listed(&subject, &of_none, 9).await?.is_empty(), "of a file that is not there");

    let outcomes = imports.rows_by_outcome(first.number).await?;
    let outcomes: Vec<_> =
        outcomes.iter().map(|outcome| (outcome.outcome, outcome.reason.as_deref(), outcome.rows)).collect();
    ensure!(
        outcomes
            == [
                (RowOutcome::Posted, None, 3),
                (RowOutcome::Rejected, Some("account_not_found"), 1),
                (RowOutcome::Rejected, Some("insufficient_funds"), 1)
            ],
        "{outcomes:?}"
    );
    let rows = imports.rows(first.number, 3, 10).await?;
    ensure!(
        rows.iter().all(|row| row.body.as_ref().is_some_and(|body| body.contains("transfer"))),
        "{rows:?}"
    );
    let rows: Vec<_> = rows.iter().map(|row| (row.row, row.outcome, row.reason.as_deref())).collect();
    ensure!(
        rows == [
            (4, RowOutcome::Rejected, Some("insufficient_funds")),
            (5, RowOutcome::Rejected, Some("account_not_found"))
        ],
        "{rows:?}"
    );
    let rows = imports.rows(second.number, 0, 4).await?;
    ensure!(rows[0].job == batch[0].id && rows[0].outcome == RowOutcome::Duplicate, "{rows:?}");
    ensure!(rows[2].outcome == RowOutcome::Conflict && rows[3].reason.is_some(), "{rows:?}");
    subject.books_are_right().await
}

/// A row whose job is scheduled says so, and then what became of it; the import it is of counts it once.
pub async fn a_scheduled_row_comes_to_its_outcome(subject: Subject) -> anyhow::Result<()> {
    let imports = subject.again()?;
    let import = imports.create(&new("a", 1)).await?.import;
    let jobs = Jobs::default();
    let at = jiff::Timestamp::now() + std::time::Duration::from_millis(400);
    let waits = |amount: i64| {
        let body = format!(
            r#"{{"kind":"deposit","account":"a","amount":{amount},"currency":"EUR","execute_at":"{at}"}}"#
        );
        Job { lane: Lane(2), ..jobs.job(&body) }
    };
    let rows = [
        of(&import, 1, waits(1)),
        of(&import, 2, waits(2)),
        of(&import, 3, waits(4)),
        of(&import, 4, Job { lane: Lane(2), ..jobs.job(&open("a")) }),
    ];
    subject.ledger.post(&rows).await?;
    subject.ledger.post(&rows).await?;
    let waiting = RowTally { posted: 1, scheduled: 3, ..RowTally::default() };
    ensure!(tally(&*imports, &import).await? == waiting, "{:?}", tally(&*imports, &import).await?);

    let due = when_due(&*imports, 3).await?;
    let released = due.iter().map(released).collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(released.iter().zip(&rows).all(|(released, row)| released.origin == row.origin), "{released:?}");
    let stopped = NewCancellation { whose: Whose::Anybodys, by: "ops".to_owned(), reason: None };
    subject.ledger.cancel_job(rows[1].id, &stopped).await?;
    subject.ledger.record_dead(&released[2], "for a test").await?;
    // The row's own envelope comes once more beside the job that is executed.
    subject
        .ledger
        .post(&[rows[0].clone(), released[0].clone(), released[1].clone(), rows[1].clone()])
        .await?;
    subject.ledger.post(&released[..2]).await?;
    let ended = RowTally { posted: 2, cancelled: 1, dead: 1, ..RowTally::default() };
    ensure!(tally(&*imports, &import).await? == ended, "{:?}", tally(&*imports, &import).await?);
    let outcomes: Vec<_> =
        imports.rows(import.number, 0, 10).await?.into_iter().map(|row| (row.outcome, row.reason)).collect();
    let expected = [RowOutcome::Posted, RowOutcome::Cancelled, RowOutcome::Dead, RowOutcome::Posted];
    ensure!(outcomes == expected.map(|outcome| (outcome, None)), "{outcomes:?}");
    subject.books_are_right().await
}

/// A row whose job is dead says so, and says otherwise once a replay has posted it.
pub async fn a_dead_row_may_come_to_life(subject: Subject) -> anyhow::Result<()> {
    let imports = subject.again()?;
    let (first, second) =
        (imports.create(&new("a", 1)).await?.import, imports.create(&new("a", 2)).await?.import);
    let job = Jobs::default().job(&open("a"));
    for import in [&first, &first, &second] {
        subject.ledger.record_dead(&of(import, 1, job.clone()), "for a test").await?;
    }
    let dead = RowTally { dead: 1, ..RowTally::default() };
    ensure!(tally(&*imports, &first).await? == dead, "{:?}", tally(&*imports, &first).await?);
    ensure!(tally(&*imports, &second).await? == dead, "{:?}", tally(&*imports, &second).await?);

    let replayed = of(&first, 1, job);
    ensure!(
        subject.ledger.post(std::slice::from_ref(&replayed)).await?
            == [Outcome::Revived(RecordedOutcome::Posted)],
        "it does not post"
    );
    let posted = RowTally { posted: 1, ..RowTally::default() };
    ensure!(tally(&*imports, &first).await? == posted, "{:?}", tally(&*imports, &first).await?);
    let rows = imports.rows(first.number, 0, 10).await?;
    ensure!(rows.len() == 1 && rows[0].outcome == RowOutcome::Posted && rows[0].reason.is_none(), "{rows:?}");
    Ok(())
}
