//! The rows of a file that were refused: to be corrected and sent again, or to be looked at.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{AppendHeaders, IntoResponse, Response};
use futures::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use store::imports::{Import, ImportState};
use strum::{IntoStaticStr, VariantArray};
use tellers_http::query::{self, Limit, Query};
use utoipa::{IntoParams, ToSchema};

use super::document::RefusalDocument;
use super::{find, head_of, number};
use crate::context::Ingress;
use crate::imports;
use crate::keys::Caller;
use crate::problem::{Problem, ProblemType};

/// In which form, if not the original one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray, ToSchema)]
#[strum(serialize_all = "snake_case")]
#[schema(as = RefusedRowsForm, rename_all = "snake_case")]
pub enum Form {
    /// A page of the rows with the reasons, without what stood in them.
    Json,
}

/// How a client wants refused rows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RefusedQuery {
    /// `json` lists a page of the rows with the reasons; by default all come back in their original form.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<Form>, inline)]
    format: Option<Form>,
    /// With `json`: lists rows from this number on; take it from `next`.
    #[serde(default, deserialize_with = "number")]
    from: Option<u64>,
    /// With `json`: rows of a page: 1 to 500; 50 by default.
    #[serde(default)]
    #[param(inline)]
    limit: Option<Limit<50, 500>>,
}

impl RefusedQuery {
    /// A parameter that only a page has, with its value.
    fn of_pages(&self) -> Option<(&'static str, String)> {
        let from = self.from.map(|from| ("from", from.to_string()));
        from.or_else(|| self.limit.as_ref().map(|Limit(limit)| ("limit", limit.to_string())))
    }
}

/// A page of refused rows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RefusedRowsPage)]
pub struct RefusedRows {
    /// The rows, in the order of the file.
    rows: Vec<RefusalDocument>,
    /// Path of the next page; null on the last page.
    next: Option<String>,
}

/// Returns the refused rows in their original form, each with the reason, ready to be corrected and sent
/// again. With `format=json` it lists where they are and the reasons, page by page.
#[utoipa::path(
    get, path = "/api/imports/{number}/refused", tag = "imports", operation_id = "show_refused_rows",
    params(("number" = u64, Path, description = "The number of the import."), RefusedQuery),
    responses(
        (status = 200, description = "The rows, in the order of the file.", content((String = "text/csv"), (String = "application/x-ndjson"), (RefusedRows = "application/json"))),
    ),
)]
pub async fn refused(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    Query(query): Query<RefusedQuery>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    if let (None, Some((name, value))) = (query.format, query.of_pages()) {
        let remedy = "goes with format=json; the file of all refused rows has no pages";
        return Err(Problem::parameter(name, &value, remedy));
    }
    let import = find(&ingress, &caller, path).await?;
    match query.format {
        Some(Form::Json) => {
            let Limit(limit) = query.limit.unwrap_or_default();
            Ok(Json(page(&ingress, &import, query.from.unwrap_or(1), limit).await?).into_response())
        }
        None => file(ingress, import).await,
    }
}

async fn page(ingress: &Ingress, import: &Import, from: u64, limit: u32) -> Result<RefusedRows, Problem> {
    // Row 0 is the head of the file.
    let found = ingress.parts.imports.refusals(import.number, from.max(1), limit);
    let found = ingress.read_records(found).await?;
    let is_full = u32::try_from(found.len()).is_ok_and(|count| count == limit);
    let next = found.last().filter(|_| is_full).map(|last| {
        format!("/api/imports/{}/refused?format=json&from={}&limit={limit}", import.number, last.row + 1)
    });
    Ok(RefusedRows { rows: found.into_iter().map(RefusalDocument::from).collect(), next })
}

/// The file of the refused rows.
async fn file(ingress: Arc<Ingress>, import: Import) -> Result<Response, Problem> {
    let head = head_of(&ingress, &import).await?;
    if import.progress.state == ImportState::Refused && import.progress.refused == 0 {
        let why = import.progress.remark.unwrap_or_default();
        let detail = format!("no row was refused, but the file as a whole: {why}");
        return Err(Problem::new(ProblemType::NotFound, detail));
    }
    let mut rows = imports::RefusedRows::new(&head);
    let mut from = 1;
    while rows.needs_totals() {
        let page = imports::REFUSED_PAGE_ROWS;
        let page = ingress.read_records(ingress.parts.imports.refusals(import.number, from, page)).await?;
        let Some(last) = page.last() else { break };
        from = last.row + 1;
        rows.add(&page);
    }
    let media_type = rows.media_type();
    let file = format!("attachment; filename=\"import-{}-refused.{}\"", import.number, rows.extension());
    let number = import.number;
    let start = stream::iter([Ok(rows.start())]);
    let pages = stream::unfold(Some((1_u64, rows)), move |state| {
        let ingress = ingress.clone();
        async move {
            let (from, rows) = state?;
            let page = ingress.parts.imports.refusals(number, from, imports::REFUSED_PAGE_ROWS).await;
            match page {
                Ok(page) => {
                    let text = rows.rows(&page);
                    let next = page.last().map(|last| (last.row + 1, rows));
                    Some((Ok(text), next))
                }
                // The answer is cut, which a client sees.
                Err(error) => Some((Err(std::io::Error::other(error)), None)),
            }
        }
    });
    let headers = [(CONTENT_TYPE, media_type.to_owned()), (CONTENT_DISPOSITION, file)];
    Ok((AppendHeaders(headers), Body::from_stream(start.chain(pages))).into_response())
}
