//! Reports about the whole ledger.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tellers_http::query::{self, Query};
use utoipa::IntoParams;

use crate::admission::Place;
use crate::context::Ingress;
use crate::keys::Caller;
use crate::problem::{Problem, ProblemType};
use crate::statement;
use crate::trial_balance::{ReportFormat, TrialBalance, TrialBalanceDocument};

/// What a client asks of a trial balance.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrialBalanceQuery {
    /// The day (UTC) at whose end, or the instant (RFC 3339) at which, the balances are wanted; by default now.
    #[param(example = "2026-11-30")]
    at: Option<String>,
    /// `json` (the default) or `csv`.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<ReportFormat>)]
    format: Option<ReportFormat>,
}

/// Writes a trial balance: what every account of the key had at one moment, as debits and credits, and their sums by currency.
///
/// All of it is of one moment, while the fleet posts, and comes from the analytics connections (`DATABASE_ANALYTICS_URL`). A time in
/// the past takes as long as it takes to read all entries. The service sends the report while it reads it; one that it cannot
/// read to its end, or that its reader leaves lying for a minute, is cut off. CSV has a line for each account, and no sums.
#[utoipa::path(
    get, path = "/api/ledger/trial-balance", tag = "accounts", operation_id = "show_trial_balance",
    params(TrialBalanceQuery),
    responses((status = 200, description = "The trial balance.", content(
        (TrialBalanceDocument = "application/json"),
        (String = "text/csv"),
    ))),
)]
pub async fn trial_balance(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    Extension(place): Extension<Place>,
    Query(query): Query<TrialBalanceQuery>,
) -> Result<Response, Problem> {
    let before = statement::until("at", query.at.as_deref())
        .map_err(|invalid| Problem::of_field(ProblemType::InvalidParameter, invalid))?;
    let balance = ingress.read(TrialBalance::begin(ingress.parts.ledger.clone(), before)).await?;
    let format = query.format.unwrap_or(ReportFormat::Json);
    let (content_type, extension) = match format {
        ReportFormat::Json => ("application/json", "json"),
        ReportFormat::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
    };
    let headers = [
        (CONTENT_TYPE, content_type.to_owned()),
        (CONTENT_DISPOSITION, format!("inline; filename=\"trial-balance.{extension}\"")),
    ];
    let shows_all = caller.reads_any();
    let shown = move |number: &_| shows_all || caller.sees(number);
    Ok((headers, balance.body(format, shown, place)).into_response())
}
