//! Accounts and their entries, as the ledger has them.

pub mod balance;
pub mod document;
pub mod list;
pub mod statement;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::LINK;
use axum::response::Response;
use domain::account::AccountNumber;
use serde::Deserialize;
use tellers_http::query::{self, Limit, NoParameters, Query};
use utoipa::IntoParams;

use self::document::{Account, Entries};
use crate::context::Ingress;
use crate::keys::Caller;
use crate::ledger_reads::{FreshQuery, LedgerReads};
use crate::problem::{Problem, ProblemType};
use crate::routes::analyses::document::AccountPatterns;
use crate::routes::cursor;

/// Shows an account: its balance, holds, limit and status.
#[utoipa::path(
    get, path = "/api/accounts/{number}", tag = "accounts", operation_id = "show_account",
    params(
        ("number" = String, Path, description = "The account's number.", max_length = 34),
        FreshQuery,
    ),
    responses((status = 200, description = "The account.", body = Account, headers(("Tellers-Fresh-As-Of" = String, description = "The time (RFC 3339, UTC) up to which the answer has everything that was committed. A replica gave the answer. `unknown`: the replica's delay is not known.")))),
)]
pub async fn show(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    Query(query): Query<FreshQuery>,
) -> Result<Response, Problem> {
    let number = number_of(&caller, path)?;
    let books = LedgerReads::open(&ingress, query.fresh).await?;
    let account = ingress.read(books.ledger.account(&number)).await?;
    account.map(|account| books.answer(Json(Account::from(account)))).ok_or_else(|| not_found(&number))
}

/// What a client asks of an account's entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EntriesQuery {
    /// Entries of a page: 1 to 1000; 50 by default.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<50, 1_000>,
    /// Where a page starts; take it from `next`.
    cursor: Option<String>,
    /// `true` reads the primary, not a replica.
    #[serde(default, deserialize_with = "query::boolean")]
    #[param(value_type = Option<bool>)]
    fresh: bool,
}

/// Lists an account's entries, the newest first.
///
/// `next` (and the header `Link`) leads to older entries. A page that was read once stays as it was: new
/// entries are only ever added at the front.
#[utoipa::path(
    get, path = "/api/accounts/{number}/entries", tag = "accounts", operation_id = "list_entries",
    params(
        ("number" = String, Path, description = "The account's number.", max_length = 34),
        EntriesQuery,
    ),
    responses((status = 200, description = "A page of entries.", body = Entries, headers(("Tellers-Fresh-As-Of" = String, description = "The time (RFC 3339, UTC) up to which the answer has everything that was committed. A replica gave the answer. `unknown`: the replica's delay is not known.")))),
)]
pub async fn entries(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    Query(query): Query<EntriesQuery>,
) -> Result<Response, Problem> {
    let number = number_of(&caller, path)?;
    let EntriesQuery { limit: Limit(limit), cursor, fresh } = query;
    let before = cursor::read(number.as_str(), "this account", cursor.as_deref())?.map(|[seq]| seq);
    let books = LedgerReads::open(&ingress, fresh).await?;
    // One more than asked for tells whether there is a next page.
    let found = ingress.read(books.ledger.entries(&number, before, limit + 1)).await?;
    let mut found = found.ok_or_else(|| not_found(&number))?;
    let page_len = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = found.len() <= page_len;
    found.truncate(page_len);
    let last_seq = found.last().filter(|_| !is_last).map(|record| record.entry.seq);
    let next = last_seq.map(|seq| {
        let fresh = if fresh { "&fresh=true" } else { "" };
        format!(
            "/api/accounts/{number}/entries?limit={limit}&cursor={}{fresh}",
            cursor::write(number.as_str(), &[seq])
        )
    });
    let link = next.as_ref().map(|next| [(LINK, format!("<{next}>; rel=\"next\""))]);
    let lines = ingress.read(crate::statement::lines(&*books.ledger, &found)).await?;
    Ok(books.answer((link, Json(Entries::new(number, lines, next)))))
}

/// Shows the latest analysis of an account: recurring payments, anomalies, cash flow and a forecast.
#[utoipa::path(
    get, path = "/api/accounts/{number}/patterns", tag = "accounts", operation_id = "show_patterns",
    params(("number" = String, Path, description = "The account's number.", max_length = 34)),
    responses((status = 200, description = "The latest patterns.", body = AccountPatterns)),
)]
pub async fn patterns(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<AccountPatterns>, Problem> {
    let number = number_of(&caller, path)?;
    let Some(found) = ingress.read(ingress.parts.analyses.patterns(&number)).await? else {
        let account = ingress.read(ingress.parts.ledger.account(&number)).await?;
        return Err(if account.is_some() { not_analysed(&number) } else { not_found(&number) });
    };
    AccountPatterns::of(found).map(Json).ok_or_else(|| {
        tracing::error!(account = number.shortened(), "the stored patterns of an account are not JSON");
        Problem::new(ProblemType::Internal, "the patterns cannot be read; analyse the account again")
    })
}

fn not_analysed(number: &AccountNumber) -> Problem {
    let detail = format!(
        "the account {number} has not been analysed yet; POST {{\"accounts\": [\"{number}\"]}} to /api/analyses, \
         and ask again when that is done"
    );
    Problem::new(ProblemType::NotAnalysed, detail)
}

/// The number of a path, if the caller is shown its account. The system's own accounts can be read too.
fn number_of(caller: &Caller, path: Result<Path<String>, PathRejection>) -> Result<AccountNumber, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    let number = AccountNumber::from_books(&text).ok_or_else(|| {
        Problem::parameter("number", &text, "must be 1 to 34 of the characters A-Z a-z 0-9 . _ : -")
    })?;
    // Before anything is read: what is not theirs is not there for them, whether it is or not.
    if caller.sees(&number) { Ok(number) } else { Err(not_found(&number).by_grant()) }
}

fn not_found(number: &AccountNumber) -> Problem {
    let detail =
        format!("there is no account {number}; a job of kind open_account makes one, once it is posted");
    Problem::new(ProblemType::AccountNotFound, detail)
}
