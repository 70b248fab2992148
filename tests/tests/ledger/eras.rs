//! A ledger that grows.

use domain::outcome::Outcome;
use tests::ledger_conformance::{Jobs, Subject};

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_ledger_goes_on_in_new_eras() -> anyhow::Result<()> {
    let subject = Subject::mysql().await?;
    let jobs = Jobs::default();
    let deposit = || jobs.job(r#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR"}"#);
    let opening = jobs.job(r#"{"kind":"open_account","account":"a","currency":"EUR"}"#);
    subject.ledger.post(&[opening, deposit()]).await?;
    let eras = "SELECT COUNT(*) FROM information_schema.partitions \
                WHERE table_schema = DATABASE() AND table_name = 'entries'";
    let stock = subject.number(eras).await?;
    // As if lane 5 had posted as many entries as fill all eras but one.
    let entries = (stock - 1) * 500_000;
    subject.behind_its_back(&format!("UPDATE lane_totals SET entries = {entries} WHERE lane = 5")).await?;
    // Each process looks at the eras when it first posts.
    for _ in 0..3 {
        let process = subject.again()?;
        assert_eq!(process.post(&[deposit()]).await?, [Outcome::Posted]);
        process.close().await;
    }
    assert_eq!(subject.number(eras).await?, stock + 3, "each process adds one era to the stock");
    assert_eq!(subject.number("SELECT MAX(CAST(era AS SIGNED)) FROM entries").await?, stock - 1);

    let account = domain::account::AccountNumber::parse("a")?;
    let page = subject.ledger.entries(&account, None, 10).await?.unwrap_or_default();
    assert_eq!(page.iter().map(|found| found.entry.seq).collect::<Vec<_>>(), [4, 3, 2, 1]);
    Ok(())
}
