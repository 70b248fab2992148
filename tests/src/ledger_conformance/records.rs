//! The records that the fleet keeps about itself, beside the ledger.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use domain::lane::Lanes;
use futures::future::try_join_all;
use store::StoreError;
use store::records::{Record, RecordKind};

use super::subject::{Jobs, Subject, open};

/// Every kind is a list of its own, read from its newest in pages, by whatever process.
pub async fn records_are_kept_by_kind_newest_first(subject: Subject) -> anyhow::Result<()> {
    let (records, other) = (subject.again()?, subject.again()?);
    let mut numbers = Vec::new();
    for at in 0..5 {
        for kind in RecordKind::ALL.iter().copied() {
            // What a body holds is nobody's business here: quotes, several lines, signs beyond the first plane.
            let body = format!(r#"{{"of":"{}","at":{at},"text":"it's \\ \n 🦀"}}"#, kind.name());
            let number = records.append(kind, at, &body).await?;
            if kind == RecordKind::Alert {
                numbers.push((number, body));
            }
        }
    }
    ensure!(numbers.is_sorted_by(|(earlier, _), (later, _)| earlier < later), "numbers grow: {numbers:?}");

    let all = other.list(RecordKind::Alert, None, 100).await?;
    let expected: Vec<_> = (0..)
        .zip(&numbers)
        .map(|(at, (number, body))| Record { number: *number, at, body: body.clone() })
        .collect();
    ensure!(all.iter().rev().eq(&expected), "{all:?} is not {expected:?} from its end");
    let page = other.list(RecordKind::Alert, Some(numbers[3].0), 2).await?;
    ensure!(page == [expected[2].clone(), expected[1].clone()], "{page:?}");

    let one = other.get(RecordKind::Alert, numbers[1].0).await?;
    ensure!(one.as_ref() == Some(&expected[1]), "{one:?}");
    let of_another_kind = other.get(RecordKind::LoadTest, numbers[1].0).await?;
    ensure!(of_another_kind.is_none(), "{of_another_kind:?}");
    ensure!(other.get(RecordKind::Alert, u64::MAX).await?.is_none(), "there is none of this number");
    Ok(())
}

/// A record's body changes, its place and time do not.
pub async fn a_record_is_replaced_and_the_others_stay(subject: Subject) -> anyhow::Result<()> {
    let records = subject.again()?;
    let first = records.append(RecordKind::LoadTest, 1, r#"{"state":"running"}"#).await?;
    let second = records.append(RecordKind::LoadTest, 2, r#"{"state":"running"}"#).await?;
    let long = format!(r#"{{"state":"done","samples":"{}"}}"#, "x".repeat(1_000_000));
    records.replace(first, &long).await?;
    records.replace(second + 1_000, "{}").await?;

    let kept = records.list(RecordKind::LoadTest, None, 10).await?;
    let expected = [
        Record { number: second, at: 2, body: r#"{"state":"running"}"#.to_owned() },
        Record { number: first, at: 1, body: long },
    ];
    ensure!(kept == expected, "{} records", kept.len());
    Ok(())
}

/// A number that was given is never given again, also when the newest record is gone: a version of the
/// settings means one thing for ever.
pub async fn numbers_of_records_grow_past_those_removed(subject: Subject) -> anyhow::Result<()> {
    let records = subject.again()?;
    let newest = records.append(RecordKind::Seconds, 1, "{}").await?;
    ensure!(records.prune(RecordKind::Seconds, 2).await? == 1, "it is older");
    let next = subject.again()?.append(RecordKind::Settings, 3, "{}").await?;
    ensure!(next > newest, "{next} came after {newest}");
    Ok(())
}

/// Those before a time go, of one kind only, however many they are.
pub async fn old_records_are_pruned_in_steps(subject: Subject) -> anyhow::Result<()> {
    const OLD: i64 = 1_203;
    let records = subject.again()?;
    let append = |at| records.append(RecordKind::Seconds, at, "{}");
    for at in 0..OLD / 100 + 1 {
        try_join_all((at * 100..OLD.min((at + 1) * 100)).map(append)).await?;
    }
    append(OLD).await?;
    records.append(RecordKind::Minutes, 0, "{}").await?;

    ensure!(records.prune(RecordKind::Seconds, OLD).await? == OLD.unsigned_abs(), "all that is older");
    ensure!(records.prune(RecordKind::Seconds, OLD).await? == 0, "nothing is left to remove");
    let kept = records.list(RecordKind::Seconds, None, 10).await?;
    ensure!(kept.iter().map(|record| record.at).eq([OLD]), "{kept:?}");
    ensure!(records.list(RecordKind::Minutes, None, 10).await?.len() == 1, "the other kind stays");
    Ok(())
}

/// Several processes that append at once get a number each; posting goes on beside them.
pub async fn writers_of_records_get_numbers_of_their_own(subject: Subject) -> anyhow::Result<()> {
    let writers = [subject.again()?, subject.again()?];
    let append =
        writers.iter().flat_map(|writer| (0..50).map(move |at| writer.append(RecordKind::Alert, at, "{}")));
    let jobs = Jobs::default();
    let opening = [jobs.job(&open("a"))];
    let (numbers, posted) = tokio::join!(try_join_all(append), subject.post(0, &opening));
    let numbers: BTreeSet<_> = numbers?.into_iter().collect();
    ensure!(numbers.len() == 100 && posted?.len() == 1, "{numbers:?}");
    subject.books_are_right().await
}

/// A ledger of the release before, which keeps no records, is named as such, and is migrated.
pub async fn an_older_schema_is_refused_and_brought_up_to_date(subject: Subject) -> anyhow::Result<()> {
    subject.behind_its_back("DROP TABLE records; DELETE FROM _sqlx_migrations WHERE version = 2").await?;
    let Err(StoreError::Permanent(why)) = subject.ledger.check(Lanes::DEFAULT).await else {
        anyhow::bail!("a ledger without records was not refused")
    };
    ensure!(why.contains("tellers migrate"), "{why}");
    subject.ledger.migrate(Lanes::DEFAULT).await?;
    subject.ledger.check(Lanes::DEFAULT).await?;
    let number = subject.again()?.append(RecordKind::Settings, 1, "{}").await?;
    let kept = subject.again()?.get(RecordKind::Settings, number).await?.context("it is kept")?;
    ensure!(kept.body == "{}", "{kept:?}");
    Ok(())
}
