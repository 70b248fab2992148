//! What posting a batch brings back.

use anyhow::ensure;
use domain::outcome::{Outcome, RecordedOutcome};

use super::subject::{Jobs, Subject, deposit, open, transfer};

/// Each job of a batch comes back with the entries that were written for it, and the balances behind them.
pub async fn a_job_comes_back_with_its_entries(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let [a, b, twice] = [open("a"), open("b"), deposit("a", 5)].map(|body| jobs.job(&body));
    let batch = [
        a,
        b,
        twice.clone(),
        twice,
        jobs.job(&transfer("a", "b", 2)),
        jobs.job(&transfer("a", "b", 9)),
        jobs.job(&transfer("a", "b", 3)),
    ];
    let applied = subject.ledger.apply(&batch).await?;
    let of = |place: usize| -> Vec<(String, i64, i64)> {
        let entries = applied[place].entries.iter().filter(|entry| !entry.account.is_external());
        entries.map(|entry| (entry.account.to_string(), entry.amount, entry.balance_after)).collect()
    };
    let entry = |account: &str, amount, balance| (account.to_owned(), amount, balance);
    for (place, expected) in [
        vec![],
        vec![],
        vec![entry("a", 5, 5)],
        vec![],
        vec![entry("a", -2, 3), entry("b", 2, 2)],
        vec![],
        vec![entry("a", -3, 0), entry("b", 3, 5)],
    ]
    .into_iter()
    .enumerate()
    {
        ensure!(of(place) == expected, "{place}: {:?}", applied[place]);
    }
    ensure!(applied[3].outcome == Outcome::Duplicate(RecordedOutcome::Posted), "{:?}", applied[3]);
    let posted_at = applied[2].posted_at;
    ensure!(posted_at > 0 && applied.iter().all(|applied| applied.posted_at == posted_at), "{applied:?}");
    ensure!(applied.iter().flat_map(|applied| &applied.entries).all(|entry| entry.posted_at == posted_at));
    subject.books_are_right().await
}
