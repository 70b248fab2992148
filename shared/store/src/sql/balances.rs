//! The balances of all accounts, page by page, as one snapshot shows them.

use std::collections::HashMap;

use super::pages::Snapshot;
use super::rows;
use crate::failure::Failure;
use crate::ledger::balances::{AccountBalance, BalancePages, hand_over};
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script};
use crate::sql::session::Session;

/// Accounts of a page.
const ACCOUNTS_MAX: i64 = 1_000;

/// See [`crate::ledger::Reads::balances`].
pub(super) async fn send<S: Session>(
    snapshot: &mut Snapshot<S>,
    before: Option<i64>,
    pages: &BalancePages,
) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let (last, page) = page(snapshot, before, after).await?;
        let Some(last) = last else { return Ok(()) };
        after = last;
        if !hand_over(pages, page).await? {
            return Ok(());
        }
    }
}

/// The balances of accounts with keys above `after`, and the key of the last of them.
async fn page<S: Session>(
    snapshot: &mut Snapshot<S>,
    before: Option<i64>,
    after: i64,
) -> Result<(Option<i64>, Vec<AccountBalance>), Failure> {
    let mut script = Script::new(S::DIALECT);
    script
        .sql("SELECT a.id, a.number, a.currency, a.seq, a.balance FROM accounts a WHERE a.id > ")
        .value(after);
    if let Some(before) = before {
        script.sql(" AND a.opened_at < ").value(before);
    }
    script.sql(" ORDER BY a.id LIMIT ").value(ACCOUNTS_MAX);
    let found = snapshot.ask(script).await?;
    let keys = found.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, _>>()?;
    let (Some(first), Some(last)) = (keys.first().copied(), keys.last().copied()) else {
        return Ok((None, Vec::new()));
    };
    // What was there then: how many entries, and their sum.
    let then = match before {
        Some(before) => Some(sums(snapshot, (first, last), before).await?),
        None => None,
    };
    let balance = |(key, row): (i64, &S::Row)| {
        let (entries, balance) = match &then {
            Some(then) => then.get(&key).copied().unwrap_or_default(),
            None => (row.int(3)?, row.int(4)?),
        };
        Ok(AccountBalance {
            number: rows::number(row.text(1)?)?,
            currency: rows::currency(row.text(2)?)?,
            entries,
            balance,
        })
    };
    let page = keys.into_iter().zip(&found).map(balance).collect::<Result<_, Failure>>()?;
    Ok((Some(last), page))
}

/// Of accounts by key: how many entries were posted before a time, and their sum.
async fn sums<S: Session>(
    snapshot: &mut Snapshot<S>,
    (first, last): (i64, i64),
    before: i64,
) -> Result<HashMap<i64, (i64, i64)>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT e.account_id, COUNT(*), ").sql(match S::DIALECT {
        Dialect::MySql => "CAST(SUM(e.amount) AS SIGNED)",
        Dialect::Sqlite => "SUM(e.amount)",
    });
    script.sql(" FROM entries e WHERE e.account_id BETWEEN ").value(first).sql(" AND ").value(last);
    script.sql(" AND e.posted_at < ").value(before).sql(" GROUP BY e.account_id");
    let sum = |row: &S::Row| Ok((row.int(0)?, (row.int(1)?, row.int(2)?)));
    snapshot.ask(script).await?.iter().map(sum).collect()
}
