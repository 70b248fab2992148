//! Pages of accounts by filter, in the order of their numbers. A page looks at a bounded number of accounts.

use domain::access::Accounts;
use domain::account::AccountNumber;

use crate::failure::Failure;
use crate::ledger::listing::{AccountFilter, AccountsPage};
use crate::sql::rows::{self, ACCOUNT, Cells};
use crate::sql::script::{Script, Value};
use crate::sql::session::Session;

/// Accounts that one page looks at.
const LOOKED_AT_MAX: i64 = 20_000;

/// See [`crate::ledger::Reads::find_accounts`].
pub(in crate::sql) async fn page<S: Session>(
    session: &mut S,
    filter: &AccountFilter,
    after: Option<&AccountNumber>,
    limit: u32,
) -> Result<AccountsPage, Failure> {
    let limit = i64::from(limit.max(1));
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT a.number FROM accounts a WHERE 1 = 1");
    in_range(&mut script, filter, after);
    script.sql(" ORDER BY a.number LIMIT 1 OFFSET ").value(LOOKED_AT_MAX - 1);
    let looked = session.run(script).await?.pop().unwrap_or_default();
    let looked_to = looked.first().map(|row| rows::number(row.text(0)?)).transpose()?;

    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT ").sql(ACCOUNT).sql(" FROM accounts a WHERE 1 = 1");
    in_range(&mut script, filter, after);
    if let Some(last) = &looked_to {
        script.sql(" AND a.number <= ").value(last);
    }
    let AccountFilter { among: _, prefix: _, currency, status, balance_min, balance_max } = filter;
    if let Some(currency) = currency {
        script.sql(" AND a.currency = ").value(*currency);
    }
    if let Some(status) = status {
        script.sql(" AND a.status = ").value(Value::Name(rows::account_status_name(*status)));
    }
    if let Some(min) = balance_min {
        script.sql(" AND a.balance >= ").value(*min);
    }
    if let Some(max) = balance_max {
        script.sql(" AND a.balance <= ").value(*max);
    }
    script.sql(" ORDER BY a.number LIMIT ").value(limit);
    let found = session.run(script).await?.pop().unwrap_or_default();
    let accounts = found.iter().map(rows::account).collect::<Result<Vec<_>, _>>()?;
    let is_full = i64::try_from(accounts.len()).is_ok_and(|count| count >= limit);
    let next = match accounts.last() {
        Some(last) if is_full => Some(last.number.clone()),
        _ => looked_to,
    };
    // The system's own begin as no pattern of a client's does, whatever the database thinks of it.
    let accounts = accounts.into_iter().filter(|account| filter.among.contain(&account.number)).collect();
    Ok(AccountsPage { accounts, next })
}

/// ` AND …` for what the index of numbers tells: behind which number, how they begin, and whose they are.
fn in_range(script: &mut Script, filter: &AccountFilter, after: Option<&AccountNumber>) {
    if let Some(after) = after {
        script.sql(" AND a.number > ").value(after);
    }
    if !filter.prefix.is_empty() {
        begins_with(script.sql(" AND "), &filter.prefix);
    }
    among(script, &filter.among);
}

/// ` AND …` for accounts `a` that are among these.
pub(super) fn among(script: &mut Script, accounts: &Accounts) {
    if accounts.are_all() {
        return;
    }
    script.sql(" AND (1 = 0");
    for pattern in accounts.patterns() {
        script.sql(" OR ");
        match pattern.prefix() {
            Some(prefix) => begins_with(script, prefix),
            None => {
                script.sql("a.number = ").value(pattern.as_str());
            }
        }
    }
    script.sql(")");
}

/// A range of the index: numbers are of ASCII, and compared byte by byte.
fn begins_with(script: &mut Script, prefix: &str) {
    let end = format!("{prefix}~");
    script.sql("(a.number >= ").value(prefix).sql(" AND a.number < ").value(end.as_str()).sql(")");
}
