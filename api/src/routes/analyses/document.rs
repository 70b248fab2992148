//! What clients read of analyses.

use domain::account::AccountNumber;
use domain::id::JobId;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_with::skip_serializing_none;
use store::analyses::{PatternsRecord, Run};
use utoipa::ToSchema;

use crate::rfc3339::Rfc3339;

/// What to analyse.
#[derive(ToSchema)]
#[schema(as = AnalysisBody, example = json!({"accounts": ["alice", "bob"], "from": "2024-01-01"}))]
#[allow(dead_code)] // Only its schema is used: `order` reads bodies.
pub struct AnalysisBody {
    /// 1 to 10,000 account numbers; without it, all accounts.
    accounts: Option<Vec<String>>,
    /// The first value date that counts.
    #[schema(format = Date)]
    from: Option<String>,
    /// The last value date that counts.
    #[schema(format = Date)]
    to: Option<String>,
    /// The client's own name for the analysis, and its idempotency key where no header gives one.
    #[schema(min_length = 1, max_length = 128)]
    reference: Option<String>,
}

/// The state of an analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AnalysisState)]
pub enum State {
    /// Accepted: it is on disk.
    Queued,
    /// Not begun. Only a `202` proves that it was accepted; with the same key or reference it may be sent again.
    Pending,
    /// Its accounts are being listed; the first are analysed meanwhile.
    Planning,
    /// Its accounts are known, and not all are done.
    Running,
    /// All its accounts are done, those that failed among them.
    Done,
    /// Somebody cancelled it.
    Cancelled,
}

impl State {
    /// Of one that has begun.
    pub fn of(run: &Run) -> State {
        match run {
            run if run.is_done() => State::Done,
            run if run.is_cancelled() => State::Cancelled,
            run if run.batches.is_some() => State::Running,
            _ => State::Planning,
        }
    }
}

/// An analysis, as far as it is. Members that are not known yet are absent.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct Analysis {
    /// The analysis' id.
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    /// The state of the analysis.
    state: State,
    /// The client that asked for the analysis.
    client: Option<String>,
    /// What the client asked for: the number of accounts (null: all accounts), and the days.
    #[schema(value_type = Option<Object>)]
    request: Option<Box<RawValue>>,
    /// When the client asked for the analysis (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    requested_at: Option<Rfc3339>,
    /// Number of accounts to analyse.
    accounts: Option<u64>,
    /// Number of accounts that are done, failed ones among them.
    accounts_done: Option<u64>,
    /// Number of accounts that could not be analysed.
    accounts_failed: Option<u64>,
    /// Why the analysis of a failed account failed.
    cause: Option<String>,
    /// When the analysis was done or cancelled (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Rfc3339>,
    /// Accounts done per second since the request.
    accounts_per_second: Option<f64>,
    /// Seconds until the analysis is done, at the rate of `accounts_per_second`.
    seconds_left: Option<f64>,
}

impl Analysis {
    /// One that was accepted just now.
    pub fn queued(id: JobId, requested_at: i64) -> Analysis {
        let requested_at = Some(Rfc3339::from_microseconds(requested_at));
        Analysis { state: State::Queued, requested_at, ..Analysis::pending(id) }
    }

    /// One that nobody has begun.
    pub fn pending(id: JobId) -> Analysis {
        Analysis {
            id,
            state: State::Pending,
            client: None,
            request: None,
            requested_at: None,
            accounts: None,
            accounts_done: None,
            accounts_failed: None,
            cause: None,
            ended_at: None,
            accounts_per_second: None,
            seconds_left: None,
        }
    }

    /// One that has begun.
    pub fn of(run: &Run) -> Analysis {
        let state = State::of(run);
        let ended_at = match state {
            State::Done => run.last_at.or(Some(run.new.requested_at)),
            State::Cancelled => run.cancelled_at,
            _ => None,
        };
        let seconds = run.last_at.map(|last| (last - run.new.requested_at) as f64 / 1e6);
        let rate = seconds.filter(|seconds| *seconds > 0.0).map(|seconds| run.accounts_done as f64 / seconds);
        let left = run.accounts.filter(|_| state == State::Running);
        let left = left.map(|accounts| accounts.saturating_sub(run.accounts_done) as f64);
        Analysis {
            client: Some(run.new.client.clone()),
            request: RawValue::from_string(run.new.request.clone()).ok(),
            requested_at: Some(Rfc3339::from_microseconds(run.new.requested_at)),
            state,
            accounts: run.accounts,
            accounts_done: Some(run.accounts_done),
            accounts_failed: Some(run.accounts_failed),
            cause: run.cause.clone(),
            ended_at: ended_at.map(Rfc3339::from_microseconds),
            accounts_per_second: rate.map(tenths),
            seconds_left: left
                .zip(rate)
                .map(|(left, rate)| tenths(left / rate))
                .filter(|left| left.is_finite()),
            ..Analysis::pending(run.new.id)
        }
    }
}

fn tenths(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

/// A page of analyses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AnalysesPage)]
pub struct Analyses {
    /// The analyses, the newest first.
    analyses: Vec<Analysis>,
    /// Path of the next page, with older analyses; null on the last page.
    next: Option<String>,
}

impl Analyses {
    /// A page of up to `limit`.
    pub fn new(runs: &[Run], limit: u32) -> Analyses {
        let is_full = u32::try_from(runs.len()).is_ok_and(|len| len >= limit);
        let last = runs.last().filter(|_| is_full).map(|run| run.new.requested_at);
        Analyses {
            analyses: runs.iter().map(Analysis::of).collect(),
            next: last.map(|before| format!("/api/analyses?limit={limit}&before={before}")),
        }
    }
}

/// Results of the latest analysis of an account's history.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountPatterns {
    /// The account's number.
    #[schema(value_type = String)]
    account: AccountNumber,
    /// The id of the analysis that these results come from.
    #[schema(value_type = String, format = Uuid)]
    analysis: JobId,
    /// When the account was analysed (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    analysed_at: Rfc3339,
    /// `recurring` payments and incomes with their evidence, `anomalies`, monthly `cash_flow`, and a `forecast` with
    /// its error on months that were held out. Amounts are in minor units.
    #[schema(value_type = Object)]
    patterns: Box<RawValue>,
}

impl AccountPatterns {
    /// `None`: what is kept is not JSON.
    pub fn of(found: PatternsRecord) -> Option<AccountPatterns> {
        Some(AccountPatterns {
            account: found.account,
            analysis: found.run,
            analysed_at: Rfc3339::from_microseconds(found.at),
            patterns: RawValue::from_string(found.body).ok()?,
        })
    }
}
