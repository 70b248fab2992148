//! What a client asks of the jobs.

use domain::account::AccountNumber;
use domain::job::Kind;
use domain::outcome::Rejection;
use serde::{Deserialize, Deserializer};
use store::ledger::{JobFilter, OutcomeName};
use tellers_http::query::{self, Limit};
use utoipa::IntoParams;

use crate::keys::Caller;
use crate::openapi::{KindName, OutcomeSchema, RejectionName};
use crate::problem::{Problem, ProblemType};
use crate::routes::imports;
use crate::statement::Period;

/// The query of the route.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobsQuery {
    /// The kind of the jobs.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<KindName>)]
    kind: Option<Kind>,
    /// `posted`, `rejected` or `dead`.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<OutcomeSchema>)]
    outcome: Option<OutcomeName>,
    /// Why the jobs were rejected.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<RejectionName>)]
    reason: Option<Rejection>,
    /// An account that the jobs draw on or have an entry on.
    #[serde(default, deserialize_with = "account")]
    #[param(value_type = Option<String>)]
    pub account: Option<AccountNumber>,
    /// The number of the import that the jobs are rows of; its last row comes first.
    #[serde(default, deserialize_with = "imports::number")]
    pub import: Option<u64>,
    /// The jobs got their outcome on this day (UTC), at this instant (RFC 3339), or later.
    from: Option<String>,
    /// The jobs got their outcome on this day (UTC) at the latest, or before this instant (RFC 3339).
    to: Option<String>,
    /// Jobs of a page: 1 to 500; 50 by default.
    #[serde(default)]
    #[param(inline)]
    pub limit: Limit<50, 500>,
    /// Where a page starts; take it from `next`.
    pub cursor: Option<String>,
    /// `true` reads the primary, not a replica.
    #[serde(default, deserialize_with = "query::boolean")]
    #[param(value_type = Option<bool>)]
    pub fresh: bool,
}

impl JobsQuery {
    /// Which jobs, of those that the caller is shown.
    pub fn filter(&self, caller: &Caller) -> Result<JobFilter, Problem> {
        let period = Period::parse(self.from.as_deref(), self.to.as_deref())
            .map_err(|invalid| Problem::of_field(ProblemType::InvalidParameter, invalid))?;
        let is_for_some = !caller.accounts.are_all();
        let is_theirs = |number: &AccountNumber| is_for_some && caller.accounts.contain(number);
        // What is on one of their accounts they may see, whoever sent it. Of a file, only its client may.
        let all =
            caller.sees_all() || (self.import.is_none() && self.account.as_ref().is_some_and(is_theirs));
        let others = is_for_some && self.account.is_none() && self.import.is_none();
        Ok(JobFilter {
            client: (!all).then(|| caller.client.to_string()),
            or_touching: (!all && others).then(|| caller.accounts.clone()),
            kind: self.kind,
            outcome: self.outcome,
            reason: self.reason,
            account: self.account.clone(),
            import: self.import,
            from: period.from,
            to: period.to,
        })
    }
}

fn account<'de, D: Deserializer<'de>>(number: D) -> Result<Option<AccountNumber>, D::Error> {
    let remedy = "must be 1 to 34 of the characters A-Z a-z 0-9 . _ : -";
    query::parameter(number, remedy, AccountNumber::from_books).map(Some)
}

/// A query without its cursor: what the next page is asked for with.
pub fn without_cursor(query: &str) -> String {
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    kept.collect::<Vec<_>>().join("&")
}
