//! What became of the payments of a pain.001.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{AppendHeaders, IntoResponse, Response};
use formats::Format;
use futures::stream;
use tellers_http::query::{NoParameters, Query};

use super::{find, head_of};
use crate::context::Ingress;
use crate::imports::PaymentReport;
use crate::keys::Caller;
use crate::problem::{Problem, ProblemType};

/// Reports on a pain.001 as ISO 20022 pain.002: on the message as a whole, and on each of its payments that
/// has an outcome or was refused.
///
/// The statuses are `ACSC` (in the ledger), `RJCT`, `PDNG` (some payments have no outcome yet; the report
/// counts them and does not list them), `PART`, and for a dry run `ACCP`. The version is `pain.002.001.03`
/// for a `pain.001.001.03`, else `.10`.
#[utoipa::path(
    get, path = "/api/imports/{number}/report", tag = "imports", operation_id = "show_payment_report",
    params(("number" = u64, Path, description = "The number of the import.")),
    responses(
        (status = 200, description = "The report, in the order of the file.", content((String = "application/xml"))),
    ),
)]
pub async fn report(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let import = find(&ingress, &caller, path).await?;
    let number = import.number;
    let head = head_of(&ingress, &import).await?;
    if head.reason != Format::Pain001.name() {
        let detail = format!(
            "import {number} is {}, and only a pain.001 has a payment status report; /api/imports/{number} has the outcomes of its rows, /api/imports/{number}/refused the refused rows",
            head.reason
        );
        return Err(Problem::new(ProblemType::NotFound, detail));
    }
    let rows_by_outcome = ingress.read_records(ingress.parts.imports.rows_by_outcome(number)).await?;
    let report = PaymentReport::new(&import, &head, &rows_by_outcome)
        .map_err(|error| Problem::new(ProblemType::Internal, error.to_string()))?;
    let pieces = stream::try_unfold((report, ingress), async |(mut report, ingress)| {
        // Where the database fails the answer is cut, which a client sees.
        let piece = report.next(&*ingress.parts.imports).await?;
        Ok::<_, std::io::Error>(piece.map(|piece| (piece, (report, ingress))))
    });
    let file = format!("inline; filename=\"import-{number}-report.xml\"");
    let headers = [(CONTENT_TYPE, "application/xml".to_owned()), (CONTENT_DISPOSITION, file)];
    Ok((AppendHeaders(headers), Body::from_stream(pieces)).into_response())
}
