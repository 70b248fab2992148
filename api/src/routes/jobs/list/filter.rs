//! What a client asks of the jobs.

use domain::account::AccountNumber;
use domain::job::Kind;
use domain::outcome::Rejection;
use serde::Deserialize;
use store::ledger::{JobFilter, OutcomeName};

use super::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::keys::Viewer;
use crate::problem::{Problem, ProblemType};
use crate::statement::Period;

/// The query of the route.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobsQuery {
    kind: Option<String>,
    outcome: Option<String>,
    reason: Option<String>,
    account: Option<String>,
    import: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<String>,
    pub cursor: Option<String>,
    pub fresh: Option<String>,
}

/// What the query takes.
pub const TAKES: &str = "kind, outcome, reason, account, import, from, to, limit, cursor and fresh";

impl JobsQuery {
    /// How many jobs of a page.
    pub fn limit(&self) -> Result<u32, Problem> {
        let Some(text) = &self.limit else { return Ok(LIMIT_DEFAULT) };
        let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        limit.ok_or_else(|| Problem::parameter("limit", text, "must be a whole number from 1 to 500"))
    }

    /// Which jobs, of those that the viewer may see.
    pub fn filter(&self, viewer: &Viewer) -> Result<JobFilter, Problem> {
        let period = Period::parse(self.from.as_deref(), self.to.as_deref())
            .map_err(|invalid| Problem::of_field(ProblemType::InvalidParameter, invalid))?;
        let client = (!viewer.sees_all).then(|| viewer.client.as_str().to_owned());
        Ok(JobFilter {
            client,
            kind: one_of("kind", self.kind.as_deref(), Kind::ALL, Kind::name)?,
            outcome: one_of("outcome", self.outcome.as_deref(), OutcomeName::ALL, OutcomeName::name)?,
            reason: one_of("reason", self.reason.as_deref(), Rejection::ALL, Rejection::name)?,
            account: self.account.as_deref().map(account).transpose()?,
            import: self.import.as_deref().map(import).transpose()?,
            from: period.from,
            to: period.to,
        })
    }
}

fn account(text: &str) -> Result<AccountNumber, Problem> {
    let remedy = "must be 1 to 34 of the characters A-Z a-z 0-9 . _ : -";
    AccountNumber::from_books(text).ok_or_else(|| Problem::parameter("account", text, remedy))
}

fn import(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Problem::parameter("import", text, "must be the number of an import"))
}

fn one_of<T: Copy>(
    field: &str,
    text: Option<&str>,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let found = all.iter().copied().find(|known| name(*known) == text);
    found.map(Some).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|known| name(*known)).collect();
        Problem::parameter(field, text, &format!("must be one of {}", names.join(", ")))
    })
}

/// A query without its cursor: what the next page is asked for with.
pub fn without_cursor(query: &str) -> String {
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    kept.collect::<Vec<_>>().join("&")
}
