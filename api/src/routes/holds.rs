//! Holds by filter.

pub mod document;

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use domain::access::Accounts as Granted;
use domain::account::AccountNumber;
use domain::id::JobId;
use serde::Deserialize;
use store::ledger::{HoldFilter, HoldPlace, HoldState};
use tellers_http::problem::ByGrant;
use tellers_http::query::{self, Limit, Query};
use utoipa::IntoParams;

use self::document::{HoldStateName, Holds};
use crate::context::Ingress;
use crate::keys::Caller;
use crate::ledger_reads::LedgerReads;
use crate::problem::Problem;
use crate::routes::cursor;
use crate::routes::jobs::list::filter::account;

/// What a client asks of the holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HoldsQuery {
    /// The account whose funds are held.
    #[serde(default, deserialize_with = "account")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 34)]
    account: Option<AccountNumber>,
    /// `active`, `captured` or `released`.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<HoldStateName>, inline)]
    status: Option<HoldState>,
    /// Holds of a page: 1 to 500; 50 by default.
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

/// Lists the holds on the accounts of the key.
///
/// With a `status` and no `account`, those that never expire come first and then those that expire first; else they are
/// in the order of their ids. A page looks at 20,000 holds at the most, so it may be short, or empty, and still have a
/// `next`: follow `next` until it is null.
#[utoipa::path(
    get, path = "/api/holds", tag = "accounts", operation_id = "list_holds",
    params(HoldsQuery),
    responses((status = 200, description = "A page of holds.", body = Holds, headers(("Tellers-Fresh-As-Of" = String, description = "The time (RFC 3339, UTC) up to which the answer has everything that was committed. A replica gave the answer. `unknown`: the replica's delay is not known.")))),
)]
pub async fn list(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<HoldsQuery>,
) -> Result<Response, Problem> {
    let asked = cursor::without(uri.query().unwrap_or_default());
    let list = format!("holds?{asked}");
    let after = cursor::read_as(&list, "the same query", query.cursor.as_deref(), place)?;
    if query.account.as_ref().is_some_and(|number| !caller.sees(number)) {
        return Ok((Extension(ByGrant), Json(Holds::new(Vec::new(), None))).into_response());
    }
    let among = if caller.sees_all() { Granted::all() } else { caller.accounts.clone() };
    let filter = HoldFilter { among, account: query.account, status: query.status };
    let books = LedgerReads::open(&ingress, query.fresh).await?;
    let page = ingress.read(books.ledger.find_holds(&filter, after, query.limit.0)).await?;
    let next =
        page.next.map(|last| cursor::path("/api/holds", &asked, &cursor::write_bytes(&list, &bytes(last))));
    let link = cursor::link(next.as_ref());
    Ok(books.answer((link, Json(Holds::new(page.holds, next)))))
}

/// The id, and the time where there is one.
fn bytes(place: HoldPlace) -> Vec<u8> {
    let time = place.expires_at.map(i64::to_be_bytes);
    place.id.as_bytes().iter().copied().chain(time.into_iter().flatten()).collect()
}

fn place(bytes: &[u8]) -> Option<HoldPlace> {
    let (id, time) = bytes.split_first_chunk::<16>()?;
    let expires_at = match time {
        [] => None,
        time => Some(i64::from_be_bytes(time.try_into().ok()?)),
    };
    Some(HoldPlace { expires_at, id: JobId::from_bytes(*id).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back() {
        let id = JobId::from_chance(7, [1; 6]);
        for expires_at in [None, Some(1_795_453_200_000_000), Some(-1)] {
            let known = HoldPlace { expires_at, id };
            assert_eq!(place(&bytes(known)), Some(known));
        }
        assert_eq!(
            (place(&[]), place(&[7; 16]), place(&bytes(HoldPlace { expires_at: None, id })[1..])),
            (None, None, None)
        );
    }
}
