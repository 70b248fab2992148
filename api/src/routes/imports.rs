//! Files of jobs: send one, see how far it is, stop it, get back what was refused.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use futures::stream;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use store::imports::{Import, ImportState, Refusal, RowTally};
use tellers_http::event_stream;
use tellers_http::query::{self, Limit, NoParameters, Query};
use utoipa::{IntoParams, ToSchema};

use self::document::ImportDocument;
use crate::admission::Held;
use crate::context::Ingress;
use crate::imports::{self, Description, STALE_AFTER_US};
use crate::keys::Caller;
use crate::problem::{Problem, ProblemType};

pub mod document;
pub mod refused;
pub mod report;

/// How often an import's events come.
const EVENT_EVERY: Duration = Duration::from_secs(1);
/// Refused rows that are shown with an import.
const REFUSALS_SHOWN: u32 = 10;

/// How a client describes the file that it sends, in the query; a form may do the same in fields. Of a parameter that is
/// given twice the last counts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(try_from = "HashMap<String, String>")]
#[into_params(parameter_in = Query)]
pub struct SubmitQuery {
    /// `csv`, `ndjson` or `pain.001`; by default the service detects it.
    #[param(value_type = Option<FileFormat>)]
    format: Option<String>,
    /// Which columns and constants make a job, and how dates and amounts are written.
    map: Option<String>,
    /// The character encoding of the file, such as `windows-1252`; by default the service detects it.
    charset: Option<String>,
    /// `true` queues nothing: the import lists the rows that would be refused for their form.
    #[param(value_type = Option<bool>)]
    dry_run: Option<String>,
    /// The name of the file.
    name: Option<String>,
}

impl TryFrom<HashMap<String, String>> for SubmitQuery {
    type Error = &'static str;

    fn try_from(mut sent: HashMap<String, String>) -> Result<SubmitQuery, &'static str> {
        let [format, map, charset, dry_run, name] =
            ["format", "map", "charset", "dry_run", "name"].map(|name| sent.remove(name));
        let query = SubmitQuery { format, map, charset, dry_run, name };
        if sent.is_empty() { Ok(query) } else { Err("a parameter that is none of an import") }
    }
}

/// A format of files.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)] // `formats::Format` is what is read.
pub enum FileFormat {
    /// Comma-separated values, or values apart by another character.
    Csv,
    /// A job a line.
    Ndjson,
    /// ISO 20022 CustomerCreditTransferInitiation.
    #[schema(rename = "pain.001")]
    Pain001,
}

/// A form with a file.
#[derive(ToSchema)]
#[schema(as = ImportForm)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // It is read as it comes.
pub struct FileForm {
    /// The file.
    #[schema(value_type = String, format = Binary)]
    file: (),
}

/// The bytes of a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct FileBytes(());

/// Sends a file of jobs: CSV, NDJSON or ISO 20022 pain.001, plain or as gzip, as the body or in a form.
///
/// `202` means that the file is on disk and will be read; `Location` in the answer is the path of the import,
/// which shows its progress. Every row takes effect once, however often the file is sent: the `reference` of
/// a row identifies it, or else the content of the file and the row's place in it. The same file sent again
/// is the same import until that import has ended. After that it is a new import, whose rows come out as
/// duplicates.
#[utoipa::path(
    post, path = "/api/imports", tag = "imports", operation_id = "import_file",
    params(SubmitQuery),
    request_body(
        description = "At most 100 MB (`MAX_UPLOAD_MB`), counted as sent. A file as the body may also come as what it is, such as `text/csv`, `application/x-ndjson`, `application/xml` or `application/gzip`. A form may have the parameters of the query as fields, all of them before `file`.",
        content((FileForm = "multipart/form-data"), (FileBytes = "application/octet-stream")),
    ),
    responses(
        (status = 202, description = "The file is on disk.", body = ImportDocument, headers(("Location" = String, description = "Path of the import, which shows its progress."))),
    ),
)]
pub async fn submit(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    Query(query): Query<SubmitQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let SubmitQuery { format, map, charset, dry_run, name } = query;
    let sent = [("format", format), ("map", map), ("charset", charset), ("dry_run", dry_run), ("name", name)];
    let mut said = Description::default();
    for (name, value) in sent.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        said.set(name, value)?;
    }
    let opened = imports::receive(&ingress, &caller, said, request).await?;
    let location = [(LOCATION, format!("/api/imports/{}", opened.import.number))];
    Ok((StatusCode::ACCEPTED, location, Json(document_of(&ingress, &opened.import).await?)).into_response())
}

/// What a client asks of its imports.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Lists imports with a number below this.
    #[serde(default, deserialize_with = "number")]
    before: Option<u64>,
    /// Imports of a page: 1 to 500; 50 by default.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<50, 500>,
}

/// The number of an import, in a query.
pub(super) fn number<'de, D: Deserializer<'de>>(number: D) -> Result<Option<u64>, D::Error> {
    query::parameter(number, "must be the number of an import", |text| text.parse().ok()).map(Some)
}

/// A page of imports.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportsPage {
    /// The imports, the newest first.
    imports: Vec<ImportDocument>,
    /// Path of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists imports, the newest first: the client's own, or those of all clients with the scope `audit`, or with `operate` and a key
/// for all accounts.
#[utoipa::path(
    get, path = "/api/imports", tag = "imports", operation_id = "list_imports",
    params(ListQuery),
    responses((status = 200, description = "A page of imports.", body = ImportsPage)),
)]
pub async fn list(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    Query(ListQuery { before, limit: Limit(limit) }): Query<ListQuery>,
) -> Result<Json<ImportsPage>, Problem> {
    let client = (!caller.sees_all()).then_some(caller.client.as_str());
    let found = ingress.read_records(ingress.parts.imports.imports(client, before, limit)).await?;
    let numbers: Vec<_> = found.iter().map(|import| import.number).collect();
    let tallies = ingress.read_records(ingress.parts.imports.tallies(&numbers)).await?;
    let next = (found.len() == limit as usize).then(|| numbers.last()).flatten();
    let next = next.map(|last| format!("/api/imports?before={last}&limit={limit}"));
    let tally = |import: &Import| tallies.get(&import.number).copied().unwrap_or_default();
    let imports = found.iter().map(|import| ImportDocument::of(import, tally(import))).collect();
    Ok(Json(ImportsPage { imports, next }))
}

/// Shows how far an import is and the outcomes of its rows.
#[utoipa::path(
    get, path = "/api/imports/{number}", tag = "imports", operation_id = "show_import",
    params(("number" = u64, Path, description = "The number of the import.")),
    responses(
        (
            status = 200,
            description = "The import. With `Accept: text/event-stream` the answer is a stream of events `import`, one each second, until the import has ended.",
            content((ImportDocument = "application/json"), (ImportDocument = "text/event-stream")),
        ),
    ),
)]
pub async fn show(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let import = find(&ingress, &caller, path).await?;
    if event_stream::is_asked_for(&headers) {
        let place = ingress.admission.stream(&caller)?;
        Ok(follow(ingress, import.number, caller, place))
    } else {
        Ok(Json(document_of(&ingress, &import).await?).into_response())
    }
}

/// An event a second, the last of which says how it ended.
fn follow(ingress: Arc<Ingress>, number: u64, caller: Caller, place: Held) -> Response {
    let events = stream::unfold(Some(Duration::ZERO), move |pause| {
        // Held as long as the stream is.
        let _ = &place;
        let (ingress, caller) = (ingress.clone(), caller.clone());
        async move {
            let pause = pause?;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = ingress.shutdown.cancelled() => return None,
            }
            if !ingress.config.keys.still_takes(&caller) {
                return None;
            }
            let found = ingress.read_records(ingress.parts.imports.import(number)).await;
            let document = match found {
                Ok(Some(import)) => document_of(&ingress, &import).await,
                Ok(None) => return None,
                Err(problem) => Err(problem),
            };
            let event = match &document {
                Ok(document) => Event::default().event("import").json_data(document),
                // The ledger may be back by the next.
                Err(problem) => Event::default().event("problem").json_data(problem),
            };
            let next = document.map_or(true, |document| !document.has_ended()).then_some(EVENT_EVERY);
            Some((event.ok()?, next))
        }
    });
    event_stream::answer(events)
}

/// Stops an import. Queued rows stay queued, and the rest of the file is not read.
///
/// The answer is the import as it stands: it becomes `cancelled` within a second or two. An import that has
/// ended stays as it is. A key for all accounts with the scope `operate` may stop the import of
/// any client.
#[utoipa::path(
    delete, path = "/api/imports/{number}", tag = "imports", operation_id = "cancel_import",
    params(("number" = u64, Path, description = "The number of the import.")),
    responses((status = 202, description = "The import was asked to stop.", body = ImportDocument)),
)]
pub async fn cancel(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let import = find(&ingress, &caller, path).await?;
    if !caller.may_stop(&import.client) {
        let detail = format!(
            "the import {} is another client's, and this API key may read it and not stop it",
            import.number
        );
        return Err(Problem::new(ProblemType::NotGranted, detail).by_grant());
    }
    let now = Timestamp::now().as_microsecond();
    let imports = &ingress.parts.imports;
    ingress.read_records(imports.request_cancel(import.number, now - STALE_AFTER_US, now)).await?;
    let import = ingress.read_records(imports.import(import.number)).await?.unwrap_or(import);
    Ok((StatusCode::ACCEPTED, Json(document_of(&ingress, &import).await?)).into_response())
}

/// The import of a path, if it is there for this client.
async fn find(
    ingress: &Ingress,
    caller: &Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Import, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    let found = match text.parse() {
        Ok(number) => ingress.read_records(ingress.parts.imports.import(number)).await?,
        Err(_) => None,
    };
    // Another client's is none, as far as this one can tell.
    let unseen = || {
        let shown: String = text.chars().take(80).collect();
        let detail = format!("{shown:?} is no import of yours; /api/imports lists yours");
        Problem::new(ProblemType::ImportNotFound, detail)
    };
    match found {
        Some(import) if caller.sees_client(&import.client) => Ok(import),
        Some(_) => Err(unseen().by_grant()),
        None => Err(unseen()),
    }
}

/// What the reading of a file keeps of its beginning.
async fn head_of(ingress: &Ingress, import: &Import) -> Result<Refusal, Problem> {
    let head = ingress.read_records(ingress.parts.imports.refusals(import.number, 0, 1)).await?.pop();
    head.filter(|head| head.row == 0).ok_or_else(|| {
        let detail = match (import.progress.state, &import.progress.remark) {
            (ImportState::Refused | ImportState::Failed, Some(why)) => {
                format!("no row of this import was read: {why}")
            }
            _ => "no row of this import has been read so far; ask again once it is read".to_owned(),
        };
        Problem::new(ProblemType::NotFound, detail)
    })
}

async fn document_of(ingress: &Ingress, import: &Import) -> Result<ImportDocument, Problem> {
    let mut tallies = ingress.read_records(ingress.parts.imports.tallies(&[import.number])).await?;
    let tally = tallies.remove(&import.number).unwrap_or_else(RowTally::default);
    let (imports, number) = (&ingress.parts.imports, import.number);
    let refusals = if import.progress.refused == 0 && tally.conflict == 0 {
        Vec::new()
    } else {
        ingress.read_records(imports.refusals(number, 1, REFUSALS_SHOWN)).await?
    };
    let shares = ingress.read_records(imports.shares(number)).await?;
    let document = ImportDocument::of(import, tally).with(refusals, shares);
    if !document.has_duplicates_to_tell() {
        return Ok(document);
    }
    let rows_by_outcome = ingress.read_records(imports.rows_by_outcome(number)).await?;
    Ok(document.with_duplicates(&rows_by_outcome))
}
