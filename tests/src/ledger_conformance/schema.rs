//! The schema and the number of lanes.

use anyhow::{Context as _, ensure};
use domain::lane::Lanes;
use futures::future::try_join_all;
use store::StoreError;

use super::subject::{Jobs, Subject, open};

/// Without a schema, or with another number of lanes, start-up is refused with a remedy.
pub async fn a_ledger_that_does_not_fit_is_refused(subject: Subject) -> anyhow::Result<()> {
    subject.ledger.check(Lanes::DEFAULT).await?;
    let other = Lanes::new(8).context("8 lanes")?;
    for refused in [subject.ledger.check(other).await, subject.ledger.migrate(other).await] {
        let Err(StoreError::Permanent(why)) = refused else { anyhow::bail!("not refused: {refused:?}") };
        ensure!(why.contains("16") && why.contains("LANES is 8") && why.contains("set LANES=16"), "{why}");
    }
    subject.ledger.migrate(Lanes::DEFAULT).await?;

    let empty = subject.empty().await?;
    let Err(StoreError::Permanent(why)) = empty.ledger.check(Lanes::DEFAULT).await else {
        anyhow::bail!("an empty database was not refused")
    };
    ensure!(why.contains("tellers migrate"), "{why}");
    Ok(())
}

/// Several processes that start at once migrate once.
pub async fn processes_that_start_at_once_migrate_once(subject: Subject) -> anyhow::Result<()> {
    let empty = subject.empty().await?;
    let processes = (0..4).map(|_| empty.again()).collect::<anyhow::Result<Vec<_>>>()?;
    try_join_all(processes.iter().map(|ledger| ledger.migrate(Lanes::DEFAULT))).await?;
    try_join_all(processes.iter().map(|ledger| ledger.check(Lanes::DEFAULT))).await?;
    empty.post(0, &[Jobs::default().job(&open("a"))]).await?;
    for ledger in &processes {
        ledger.close().await;
    }
    empty.books_are_right().await
}
