//! Pages of holds by filter, each from an index that is there: by account, by status and expiry, or by id. A page looks at a
//! bounded number of holds.

use domain::hold::Hold;

use super::accounts::among;
use super::ordered_join;
use crate::failure::Failure;
use crate::ledger::listing::{HoldFilter, HoldPlace, HoldsPage};
use crate::sql::reads;
use crate::sql::rows::{self, HOLD};
use crate::sql::script::{Script, Value};
use crate::sql::session::Session;

/// Holds that one page looks at.
const LOOKED_AT_MAX: i64 = 20_000;

/// By what the holds of a page are found and ordered.
#[derive(Debug, Clone, Copy)]
enum Order {
    /// Those of one account, by id.
    OfAccount(i64),
    /// Those of one status, by expiry.
    ByExpiry(&'static str),
    /// All, by id.
    ById,
}

/// See [`crate::ledger::Reads::find_holds`].
pub(in crate::sql) async fn page<S: Session>(
    session: &mut S,
    filter: &HoldFilter,
    after: Option<HoldPlace>,
    limit: u32,
) -> Result<HoldsPage, Failure> {
    let order = match (&filter.account, filter.status) {
        (Some(number), _) => match reads::account(session, number).await? {
            Some(account) => Order::OfAccount(account.key.unwrap_or_default()),
            None => return Ok(HoldsPage::default()),
        },
        (None, Some(status)) => Order::ByExpiry(status.name()),
        (None, None) => Order::ById,
    };
    let limit = i64::from(limit.max(1));
    let select = |script: &mut Script| {
        script.sql("SELECT ").sql(HOLD).sql(" FROM holds h ").sql(ordered_join(S::DIALECT));
        script.sql(" accounts a ON a.id = h.account_id WHERE 1 = 1");
        in_range(script, order, after);
    };
    let mut script = Script::new(S::DIALECT);
    select(&mut script);
    in_order(&mut script, order);
    script.sql(" LIMIT 1 OFFSET ").value(LOOKED_AT_MAX - 1);
    let looked = session.run(script).await?.pop().unwrap_or_default();
    let looked_to = looked.first().map(rows::hold).transpose()?.as_ref().map(place);

    let mut script = Script::new(S::DIALECT);
    select(&mut script);
    if let Some(last) = looked_to {
        up_to(&mut script, order, last);
    }
    if let Some(status) = filter.status {
        script.sql(" AND h.status = ").value(Value::Name(status.name()));
    }
    among(&mut script, &filter.among);
    in_order(&mut script, order);
    script.sql(" LIMIT ").value(limit);
    let found = session.run(script).await?.pop().unwrap_or_default();
    let mut holds = found.iter().map(rows::hold).collect::<Result<Vec<_>, _>>()?;
    let is_full = i64::try_from(holds.len()).is_ok_and(|count| count >= limit);
    let next = match holds.last() {
        Some(last) if is_full => Some(place(last)),
        _ => looked_to,
    };
    // What a pattern of a client's means the database does not know to the end.
    holds.retain(|hold| filter.among.contain(&hold.account));
    Ok(HoldsPage { holds, next })
}

/// ` AND …` for what an index tells: of which account or status, and behind which place.
fn in_range(script: &mut Script, order: Order, after: Option<HoldPlace>) {
    match order {
        Order::OfAccount(key) => {
            script.sql(" AND h.account_id = ").value(key);
        }
        Order::ByExpiry(status) => {
            script.sql(" AND h.status = ").value(Value::Name(status));
        }
        Order::ById => {}
    }
    let Some(HoldPlace { expires_at, id }) = after else { return };
    match (order, expires_at) {
        (Order::ByExpiry(_), Some(end)) => {
            script.sql(" AND (h.expires_at > ").value(end).sql(" OR (h.expires_at = ").value(end);
            script.sql(" AND h.id > ").value(&id).sql("))");
        }
        // What never expires comes first.
        (Order::ByExpiry(_), None) => {
            script.sql(" AND (h.expires_at IS NOT NULL OR h.id > ").value(&id).sql(")");
        }
        (Order::OfAccount(_) | Order::ById, _) => {
            script.sql(" AND h.id > ").value(&id);
        }
    }
}

/// ` AND …` for what is not behind a place.
fn up_to(script: &mut Script, order: Order, HoldPlace { expires_at, id }: HoldPlace) {
    match (order, expires_at) {
        (Order::ByExpiry(_), Some(end)) => {
            script.sql(" AND (h.expires_at IS NULL OR h.expires_at < ").value(end);
            script.sql(" OR (h.expires_at = ").value(end).sql(" AND h.id <= ").value(&id).sql("))");
        }
        (Order::ByExpiry(_), None) => {
            script.sql(" AND h.expires_at IS NULL AND h.id <= ").value(&id);
        }
        (Order::OfAccount(_) | Order::ById, _) => {
            script.sql(" AND h.id <= ").value(&id);
        }
    }
}

fn in_order(script: &mut Script, order: Order) {
    script.sql(match order {
        Order::ByExpiry(_) => " ORDER BY h.expires_at, h.id",
        Order::OfAccount(_) | Order::ById => " ORDER BY h.id",
    });
}

/// Where a hold stands.
fn place(hold: &Hold) -> HoldPlace {
    HoldPlace { expires_at: hold.expires_at, id: hold.id }
}
