//! Accounts by filter, in the order of their numbers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use domain::access::Accounts as Granted;
use domain::account::{AccountNumber, AccountStatus};
use domain::money::Currency;
use serde::{Deserialize, Deserializer};
use store::ledger::AccountFilter;
use tellers_http::query::{self, Limit, Query};
use utoipa::IntoParams;

use super::document::Accounts;
use crate::context::Ingress;
use crate::keys::Caller;
use crate::ledger_reads::LedgerReads;
use crate::problem::Problem;
use crate::routes::cursor;
use crate::routes::jobs::list::filter::currency;

/// What a client asks of the accounts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccountsQuery {
    /// How the numbers begin.
    #[serde(default, deserialize_with = "prefix")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 34)]
    prefix: Option<AccountNumber>,
    /// The currency of the accounts (ISO 4217).
    #[serde(default, deserialize_with = "currency")]
    #[param(value_type = Option<String>, pattern = "^[A-Z]{3}$")]
    currency: Option<Currency>,
    /// `open`, `frozen` or `closed`.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<super::document::AccountStatusName>, inline)]
    status: Option<AccountStatus>,
    /// The least balance in minor units; may be negative.
    #[serde(default, deserialize_with = "balance")]
    #[param(value_type = Option<i64>)]
    balance_min: Option<i64>,
    /// The largest balance in minor units; may be negative.
    #[serde(default, deserialize_with = "balance")]
    #[param(value_type = Option<i64>)]
    balance_max: Option<i64>,
    /// Accounts of a page: 1 to 500; 50 by default.
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

/// Lists the accounts of the key, in the order of their numbers.
///
/// A page looks at 20,000 accounts at the most, so it may be short, or empty, and still have a `next`: follow `next`
/// until it is null.
#[utoipa::path(
    get, path = "/api/accounts", tag = "accounts", operation_id = "list_accounts",
    params(AccountsQuery),
    responses((status = 200, description = "A page of accounts.", body = Accounts, headers(("Tellers-Fresh-As-Of" = String, description = "The time (RFC 3339, UTC) up to which the answer has everything that was committed. A replica gave the answer. `unknown`: the replica's delay is not known.")))),
)]
pub async fn list(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<AccountsQuery>,
) -> Result<Response, Problem> {
    let AccountsQuery { prefix, currency, status, balance_min, balance_max, limit: Limit(limit), .. } = query;
    if let (Some(min), Some(max)) = (balance_min, balance_max)
        && max < min
    {
        let remedy = "must not be less than `balance_min`";
        return Err(Problem::parameter("balance_max", &max.to_string(), remedy));
    }
    let asked = cursor::without(uri.query().unwrap_or_default());
    let list = format!("accounts?{asked}");
    let number = |bytes: &[u8]| AccountNumber::from_books(std::str::from_utf8(bytes).ok()?);
    let after = cursor::read_as(&list, "the same query", query.cursor.as_deref(), number)?;
    let among = if caller.sees_all() { Granted::all() } else { caller.accounts.clone() };
    let prefix = prefix.map(|prefix| prefix.to_string()).unwrap_or_default();
    let filter = AccountFilter { among, prefix, currency, status, balance_min, balance_max };
    let books = LedgerReads::open(&ingress, query.fresh).await?;
    let page = ingress.read(books.ledger.find_accounts(&filter, after.as_ref(), limit)).await?;
    let next = page.next.map(|last| {
        cursor::path("/api/accounts", &asked, &cursor::write_bytes(&list, last.as_str().as_bytes()))
    });
    let link = cursor::link(next.as_ref());
    Ok(books.answer((link, Json(Accounts::new(page.accounts, next)))))
}

fn prefix<'de, D: Deserializer<'de>>(text: D) -> Result<Option<AccountNumber>, D::Error> {
    let remedy = "must be how numbers begin: 1 to 34 of the characters A-Z a-z 0-9 . _ : -";
    query::parameter(text, remedy, AccountNumber::from_books).map(Some)
}

fn balance<'de, D: Deserializer<'de>>(text: D) -> Result<Option<i64>, D::Error> {
    query::parameter(text, "must be a whole number of minor units (cents of EUR)", |text| text.parse().ok())
        .map(Some)
}
