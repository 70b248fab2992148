//! Pages of standing orders by filter, each from an index that is there: by account, by status, or by id. A page looks at a
//! bounded number of orders.

use contract::submission;
use domain::id::JobId;

use super::accounts::among;
use super::ordered_join;
use crate::failure::Failure;
use crate::ledger::listing::{OrderFilter, OrderRecord, OrdersPage};
use crate::sql::reads;
use crate::sql::rows::{self, Cells};
use crate::sql::script::{Script, Value};
use crate::sql::session::Session;
use crate::sql::statements::{ORDER, order};

/// Orders that one page looks at.
const LOOKED_AT_MAX: i64 = 20_000;

/// See [`crate::ledger::Reads::find_standing_orders`].
pub(in crate::sql) async fn page<S: Session>(
    session: &mut S,
    filter: &OrderFilter,
    after: Option<JobId>,
    limit: u32,
) -> Result<OrdersPage, Failure> {
    let key = match &filter.account {
        Some(number) => match reads::account(session, number).await? {
            Some(account) => account.key,
            None => return Ok(OrdersPage::default()),
        },
        None => None,
    };
    let limit = i64::from(limit.max(1));
    let in_range = |script: &mut Script| {
        script.sql(" WHERE 1 = 1");
        if let Some(key) = key {
            script.sql(" AND s.account_id = ").value(key);
        }
        if let Some(status) = filter.status {
            script.sql(" AND s.status = ").value(Value::Name(status.into()));
        }
        if let Some(after) = after {
            script.sql(" AND s.id > ").value(&after);
        }
    };
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT s.id FROM standing_orders s");
    in_range(&mut script);
    script.sql(" ORDER BY s.id LIMIT 1 OFFSET ").value(LOOKED_AT_MAX - 1);
    let looked = session.run(script).await?.pop().unwrap_or_default();
    let looked_to = looked.first().map(|row| rows::id(row.bytes(0)?)).transpose()?;

    let mut script = Script::new(S::DIALECT);
    select(&mut script);
    in_range(&mut script);
    if let Some(last) = looked_to {
        script.sql(" AND s.id <= ").value(&last);
    }
    among(&mut script, &filter.among);
    script.sql(" ORDER BY s.id LIMIT ").value(limit);
    let found = session.run(script).await?.pop().unwrap_or_default();
    let mut orders = found.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    let is_full = i64::try_from(orders.len()).is_ok_and(|count| count >= limit);
    let next = match orders.last() {
        Some(last) if is_full => Some(last.order.id),
        _ => looked_to,
    };
    // What a pattern of a client's means the database does not know to the end.
    orders.retain(|record| filter.among.contain(&record.order.terms.account));
    Ok(OrdersPage { orders, next })
}

/// See [`crate::ledger::Reads::standing_order`].
pub(in crate::sql) async fn one<S: Session>(
    session: &mut S,
    id: JobId,
) -> Result<Option<OrderRecord>, Failure> {
    let mut script = Script::new(S::DIALECT);
    select(&mut script);
    script.sql(" WHERE s.id = ").value(&id);
    let found = session.run(script).await?.pop().unwrap_or_default();
    found.first().map(record).transpose()
}

fn select(script: &mut Script) {
    let join = ordered_join(script.dialect());
    script.sql("SELECT ").sql(ORDER).sql(", j.client, j.posted_at FROM standing_orders s ");
    script.sql(join).sql(" accounts a ON a.id = s.account_id ").sql(join).sql(" jobs j ON j.id = s.id");
}

fn record(row: &impl Cells) -> Result<OrderRecord, Failure> {
    let body = row.text(10)?;
    let spec = submission::parse(body.as_bytes());
    let spec = spec.map_err(|_| Failure::unreadable("body of a standing order", body))?;
    let (client, opened_at) = (row.text(11)?.to_owned(), row.int(12)?);
    Ok(OrderRecord { order: order(row)?, client, opened_at, spec })
}
