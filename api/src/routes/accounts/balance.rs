//! The balance of an account at a moment.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tellers_http::query::{self, Query};
use utoipa::{IntoParams, ToSchema};

use super::{not_found, number_of};
use crate::context::Ingress;
use crate::keys::Caller;
use crate::ledger_reads::LedgerReads;
use crate::problem::{Problem, ProblemType};
use crate::rfc3339::Rfc3339;
use crate::statement;

/// What a client asks of a balance.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BalanceQuery {
    /// The day (UTC) at whose end, or the instant (RFC 3339) at which, the balance is wanted; by default now.
    #[param(example = "2026-11-30")]
    at: Option<String>,
    /// `true` reads the primary, not a replica.
    #[serde(default, deserialize_with = "query::boolean")]
    #[param(value_type = Option<bool>)]
    fresh: bool,
}

/// What an account had at a moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct Balance {
    /// The account's number.
    account: String,
    /// The currency (ISO 4217).
    currency: &'static str,
    /// The moment (RFC 3339, UTC). Entries that were posted then or later do not count.
    #[schema(value_type = String, format = DateTime)]
    at: Rfc3339,
    /// How many entries it had.
    entries: i64,
    /// Their sum, in minor units: credit positive, debit negative. 0 before the account was opened.
    balance: i64,
}

/// Shows what an account had at a moment: the sum of its entries until then, by the time of posting.
#[utoipa::path(
    get, path = "/api/accounts/{number}/balance", tag = "accounts", operation_id = "show_balance",
    params(
        ("number" = String, Path, description = "The account's number.", max_length = 34),
        BalanceQuery,
    ),
    responses((status = 200, description = "The balance.", body = Balance, headers(("Tellers-Fresh-As-Of" = String, description = "The time (RFC 3339, UTC) up to which the answer has everything that was committed. A replica gave the answer. `unknown`: the replica's delay is not known.")))),
)]
pub async fn show(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    Query(query): Query<BalanceQuery>,
) -> Result<Response, Problem> {
    let number = number_of(&caller, path)?;
    let before = statement::until("at", query.at.as_deref())
        .map_err(|invalid| Problem::of_field(ProblemType::InvalidParameter, invalid))?;
    let books = LedgerReads::open(&ingress, query.fresh).await?;
    let now = Timestamp::now().as_microsecond();
    let range = ingress.read(books.ledger.entry_range(&number, None, before)).await?;
    let range = range.ok_or_else(|| not_found(&number))?;
    Ok(books.answer(Json(Balance {
        account: number.to_string(),
        currency: range.account.currency.code(),
        at: Rfc3339::from_microseconds(before.unwrap_or(now)),
        entries: range.last,
        balance: range.closing,
    })))
}
