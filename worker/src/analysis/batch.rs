//! One batch: up to a hundred accounts, read in few statements, kept in one transaction.

use std::collections::HashMap;

use contract::analysis::RunOrder;
use domain::account::AccountNumber;
use jiff::civil::Date;
use runtime::clock;
use store::StoreError;
use store::analyses::{Batch, Days, HISTORY_ENTRIES_MAX, Holding, Line, PatternsRecord};
use tracing::warn;

use super::{Bench, cpu, history};

/// Entries that are read at once: some 10 MB, with their jobs' bodies.
const ENTRIES_AT_ONCE_MAX: i64 = 20_000;

/// Analyses a batch. Done again it replaces what it came to the first time.
pub(super) async fn analyse(
    bench: &Bench,
    order: &RunOrder,
    number: u64,
    accounts: &[AccountNumber],
) -> Result<(), StoreError> {
    if bench.analyses.run(order.run).await?.is_none_or(|run| run.is_cancelled()) {
        return Ok(());
    }
    let (results, failures) = match find(bench, order, accounts).await {
        Err(StoreError::Obstructed(cause) | StoreError::Permanent(cause)) => {
            (Vec::new(), accounts.iter().map(|account| format!("{account}: {cause}")).collect())
        }
        found => found?,
    };
    if !failures.is_empty() {
        warn!(run = %order.run, batch = number, accounts = failures.len(), "accounts could not be analysed; the run shows a cause");
    }
    let batch = Batch {
        run: order.run,
        number,
        accounts: accounts.len() as u64,
        failed: failures.len() as u64,
        cause: failures.into_iter().next(),
        at: clock::now_us(),
    };
    bench.analyses.keep(&batch, &results).await
}

/// What was found, and why some accounts could not be analysed.
async fn find(
    bench: &Bench,
    order: &RunOrder,
    accounts: &[AccountNumber],
) -> Result<(Vec<PatternsRecord>, Vec<String>), StoreError> {
    let holdings = bench.analyses.find(accounts).await?;
    let missing = accounts.iter().filter(|number| !holdings.iter().any(|held| held.number == **number));
    let mut failures: Vec<String> = missing.map(|number| format!("there is no account {number}")).collect();
    let mut results = Vec::new();
    let days = Days { from: order.from, to: order.to };
    let (run, today) = (order.run, clock::utc_date(order.requested_at));
    for some in portions(holdings) {
        let lines = bench.analyses.histories(&some).await?;
        let analysed = cpu::run(&bench.cpu, move || analyse_each(some, lines, days, today)).await?;
        for (account, body) in analysed {
            match body {
                Ok(body) => results.push(PatternsRecord { account, run, at: clock::now_us(), body }),
                Err(cause) => failures.push(format!("{account}: {cause}")),
            }
        }
    }
    // In one order, so that two batches never wait for each other's rows.
    results.sort_by(|a, b| a.account.cmp(&b.account));
    Ok((results, failures))
}

/// Accounts whose histories fit the memory at once, at least one.
fn portions(holdings: Vec<Holding>) -> Vec<Vec<Holding>> {
    let mut portions: Vec<Vec<Holding>> = Vec::new();
    let mut entries = 0;
    for holding in holdings {
        let more = holding.seq.min(HISTORY_ENTRIES_MAX);
        match portions.last_mut() {
            Some(portion) if entries + more <= ENTRIES_AT_ONCE_MAX => {
                entries += more;
                portion.push(holding);
            }
            _ => {
                entries = more;
                portions.push(vec![holding]);
            }
        }
    }
    portions
}

type Analysed = Vec<(AccountNumber, Result<String, String>)>;

/// The patterns of each account as JSON, or why there are none. A fault in one harms no other.
fn analyse_each(holdings: Vec<Holding>, lines: Vec<Line>, days: Days, today: Date) -> Analysed {
    let mut by_account: HashMap<i64, Vec<Line>> = HashMap::new();
    for line in lines {
        by_account.entry(line.key).or_default().push(line);
    }
    let one = |holding: Holding| {
        let lines = by_account.remove(&holding.key).unwrap_or_default();
        let found = std::panic::catch_unwind(|| {
            let movements = history::movements(&holding.number, &lines, days)?;
            let patterns = patterns::analyse(&movements, today);
            serde_json::to_string(&patterns).map_err(|error| error.to_string())
        });
        let found = found.unwrap_or_else(|_| Err("the analysis broke off; its log says where".to_owned()));
        (holding.number, found)
    };
    holdings.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_at_once_is_bounded_and_nothing_is_left_out() {
        let holding = |key: i64, seq: i64| {
            let number = AccountNumber::parse(&format!("a{key}")).unwrap();
            Holding { key, number, seq }
        };
        let seqs = [5_000, 10_000, 9_000, 2_000_000, 10_000, 1, 0, 50_000];
        let all: Vec<Holding> = (0..).zip(seqs).map(|(key, seq)| holding(key, seq)).collect();
        let portions = portions(all.clone());
        assert_eq!(portions.concat(), all);
        for portion in &portions {
            let entries: i64 = portion.iter().map(|held| held.seq.min(HISTORY_ENTRIES_MAX)).sum();
            assert!(entries <= ENTRIES_AT_ONCE_MAX, "{portion:?}");
        }
        assert_eq!(portions.len(), 4);
    }
}
