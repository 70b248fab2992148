//! The route of statements.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use tellers_http::query::{self, Query};
use utoipa::IntoParams;

use super::{not_found, number_of};
use crate::admission::Place;
use crate::context::Ingress;
use crate::keys::Caller;
use crate::ledger_reads::LedgerReads;
use crate::problem::{Problem, ProblemType};
use crate::statement::{self, Format, Head, Period, StatementDocument};

/// What a client asks of a statement.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementQuery {
    /// The first day (UTC) or the first instant (RFC 3339) of the period; by default the time of the first
    /// entry.
    #[param(example = "2026-11-01")]
    from: Option<String>,
    /// The last day (UTC) of the period, or the first instant (RFC 3339) after it; by default now.
    #[param(example = "2026-11-30")]
    to: Option<String>,
    /// `json`, `csv` or `camt.053`; takes precedence over the header `Accept`.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<Format>)]
    format: Option<Format>,
    /// `true` reads the primary, not a replica.
    #[serde(default, deserialize_with = "query::boolean")]
    #[param(value_type = Option<bool>)]
    fresh: bool,
}

/// Writes a statement of an account: the balances at both ends and every entry between them, the oldest first.
///
/// The period counts by the time of posting (booking date, UTC). Two statements whose periods meet share no
/// entry and leave none out. The service sends a statement while it reads it, however long it is. A statement
/// that the service cannot read to its end is cut off, and its end is missing.
#[utoipa::path(
    get, path = "/api/accounts/{number}/statement", tag = "accounts", operation_id = "show_statement",
    params(
        ("number" = String, Path, description = "The account's number.", max_length = 34),
        StatementQuery,
    ),
    responses(
        (status = 200, description = "The statement.", content(
            (StatementDocument = "application/json"),
            (String = "text/csv"),
            (String = "application/xml"),
        ), headers(("Tellers-Fresh-As-Of" = String, description = "The time (RFC 3339, UTC) up to which the answer has everything that was committed. A replica gave the answer. `unknown`: the replica's delay is not known."))),
    ),
)]
pub async fn show(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    Extension(place): Extension<Place>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
    Query(query): Query<StatementQuery>,
) -> Result<Response, Problem> {
    let number = number_of(&caller, path)?;
    let format = Format::of(query.format, &headers)?;
    let period = Period::parse(query.from.as_deref(), query.to.as_deref())
        .map_err(|invalid| Problem::of_field(ProblemType::InvalidParameter, invalid))?;
    let books = LedgerReads::open(&ingress, query.fresh).await?;
    let written_at = Timestamp::now();
    let range = ingress.read(books.ledger.entry_range(&number, period.from, period.to)).await?;
    let range = range.ok_or_else(|| not_found(&number))?;
    let disposition = format!(
        "inline; filename=\"statement-{}.{}\"",
        number.as_str().replace(':', "_"),
        format.extension()
    );
    let body = statement::body(books.ledger.clone(), Head { range, period, written_at }, format, place);
    let headers = [
        (CONTENT_TYPE, format.content_type().to_owned()),
        (CONTENT_DISPOSITION, disposition),
        (VARY, "Accept".to_owned()),
    ];
    Ok(books.answer((headers, body)))
}
