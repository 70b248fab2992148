//! Standing orders by filter, and one by its id.

pub mod document;

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use domain::access::Accounts as Granted;
use domain::account::AccountNumber;
use domain::id::JobId;
use domain::standing_order::OrderStatus;
use serde::Deserialize;
use store::ledger::OrderFilter;
use tellers_http::problem::ByGrant;
use tellers_http::query::{self, Limit, Query};
use utoipa::IntoParams;

use self::document::{OrderStatusName, StandingOrder, StandingOrders};
use crate::context::Ingress;
use crate::keys::Caller;
use crate::ledger_reads::{FreshQuery, LedgerReads};
use crate::problem::{Problem, ProblemType};
use crate::routes::cursor;
use crate::routes::jobs::list::filter::account;

/// What a client asks of the standing orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StandingOrdersQuery {
    /// The account that pays.
    #[serde(default, deserialize_with = "account")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 34)]
    account: Option<AccountNumber>,
    /// `active`, `paused`, `closed` or `ended`.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<OrderStatusName>, inline)]
    status: Option<OrderStatus>,
    /// Standing orders of a page: 1 to 500; 50 by default.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<50, 500>,
    /// Where a page starts; take it from `next`.
    cursor: Option<String>,
    /// `true` reads the primary, not a replica.
    #[serde(default, deserialize_with = "query::boolean")]
    #[param(value_type = Option<bool>)]
    fresh: bool,
}

/// Lists the standing orders that draw on the accounts of the key.
///
/// The standing orders are in the order of their ids. A page looks at 20,000 of them at the most, so it may be short, or
/// empty, and still have a `next`: follow `next` until it is null.
#[utoipa::path(
    get, path = "/api/standing-orders", tag = "accounts", operation_id = "list_standing_orders",
    params(StandingOrdersQuery),
    responses((status = 200, description = "A page of standing orders.", body = StandingOrders, headers(("Tellers-Fresh-As-Of" = String, description = "The time (RFC 3339, UTC) up to which the answer has everything that was committed. A replica gave the answer. `unknown`: the replica's delay is not known.")))),
)]
pub async fn list(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<StandingOrdersQuery>,
) -> Result<Response, Problem> {
    let asked = cursor::without(uri.query().unwrap_or_default());
    let list = format!("standing-orders?{asked}");
    let place = |bytes: &[u8]| JobId::from_bytes(bytes.try_into().ok()?).ok();
    let after = cursor::read_as(&list, "the same query", query.cursor.as_deref(), place)?;
    if query.account.as_ref().is_some_and(|number| !caller.sees(number)) {
        return Ok((Extension(ByGrant), Json(StandingOrders::new(Vec::new(), None))).into_response());
    }
    let among = if caller.sees_all() { Granted::all() } else { caller.accounts.clone() };
    let filter = OrderFilter { among, account: query.account, status: query.status };
    let books = LedgerReads::open(&ingress, query.fresh).await?;
    let page = ingress.read(books.ledger.find_standing_orders(&filter, after, query.limit.0)).await?;
    let next = page.next.map(|last| {
        cursor::path("/api/standing-orders", &asked, &cursor::write_bytes(&list, last.as_bytes()))
    });
    let link = cursor::link(next.as_ref());
    Ok(books.answer((link, Json(StandingOrders::new(page.orders, next)))))
}

/// Shows a standing order: its terms, how far it is, and its next dates.
#[utoipa::path(
    get, path = "/api/standing-orders/{id}", tag = "accounts", operation_id = "show_standing_order",
    params(("id" = String, Path, format = Uuid, description = "The id of the job that opened it."), FreshQuery),
    responses((status = 200, description = "The standing order.", body = StandingOrder, headers(("Tellers-Fresh-As-Of" = String, description = "The time (RFC 3339, UTC) up to which the answer has everything that was committed. A replica gave the answer. `unknown`: the replica's delay is not known.")))),
)]
pub async fn show(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    Query(query): Query<FreshQuery>,
) -> Result<Response, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    let not_found = || {
        let shown: String = text.chars().take(80).collect();
        let detail = format!(
            "no standing order has the id {shown:?}; use the id of the job that opened it, once that is posted"
        );
        Problem::new(ProblemType::NotFound, detail)
    };
    let Ok(id) = text.parse() else { return Err(not_found()) };
    let books = LedgerReads::open(&ingress, query.fresh).await?;
    let Some(record) = ingress.read(books.ledger.standing_order(id)).await? else { return Err(not_found()) };
    if !caller.sees(&record.order.terms.account) {
        return Err(not_found().by_grant());
    }
    Ok(books.answer(Json(StandingOrder::from(record))))
}
