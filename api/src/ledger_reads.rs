//! The ledger as one request reads it: from a replica, which says how fresh it is, or from the primary.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use contract::report::PoolReport;
use serde::Deserialize;
use store::ledger::{Freshness, Reads};
use store::{PoolExhausted, StoreError};
use tellers_http::query;
use utoipa::IntoParams;

use crate::context::Ingress;
use crate::problem::{Problem, ProblemType};
use crate::rfc3339::Rfc3339;

/// A read of the ledger takes milliseconds; beyond this a client had better come back later.
pub(crate) const LEDGER_READ_MAX: Duration = Duration::from_secs(10);
/// What waits for a connection is done within milliseconds, or the pool is too small.
const EXHAUSTED_PAUSE: Duration = Duration::from_secs(1);
/// A database that restarts is back within seconds.
const UNAVAILABLE_PAUSE: Duration = Duration::from_secs(2);
/// Says that an answer comes from a replica, and that this has all that was committed until then.
const FRESH_AS_OF: HeaderName = HeaderName::from_static("tellers-fresh-as-of");

/// What a client asks of a read that takes nothing else.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FreshQuery {
    /// `true` reads the primary, not a replica.
    #[serde(default, deserialize_with = "query::boolean")]
    #[param(value_type = Option<bool>)]
    pub fresh: bool,
}

/// The ledger, for one request.
pub(crate) struct LedgerReads {
    /// To read from.
    pub ledger: Arc<dyn Reads>,
    freshness: Freshness,
}

impl LedgerReads {
    /// Those that `fresh=` asks for. How fresh they are is asked before anything else is read: what is read after
    /// it is no older.
    pub async fn open(ingress: &Ingress, fresh: bool) -> Result<LedgerReads, Problem> {
        let ledger = if fresh { ingress.primary() } else { ingress.parts.ledger.clone() };
        let freshness = ingress.read(ledger.freshness()).await?;
        Ok(LedgerReads { ledger, freshness })
    }

    /// An answer made of what was read.
    pub fn answer(&self, answer: impl IntoResponse) -> Response {
        let fresh_as_of = match self.freshness {
            Freshness::Present => None,
            Freshness::AsOf(time) => Some(Rfc3339::from_microseconds(time).to_string()),
            Freshness::Unknown => Some("unknown".to_owned()),
        };
        (fresh_as_of.map(|time| [(FRESH_AS_OF, time)]), answer).into_response()
    }
}

impl Ingress {
    /// The ledger as its primary has it.
    pub(crate) fn primary(&self) -> Arc<dyn Reads> {
        self.parts.ledger.on_primary().unwrap_or_else(|| self.parts.ledger.clone())
    }

    /// Asks the ledger, for a bounded time: what its pool for single reads answers.
    pub(crate) async fn read<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Problem> {
        self.ask(&READ_POOLS, answer).await
    }

    /// The same of what else is kept in the ledger's database: imports, and how analyses stand.
    pub(crate) async fn read_records<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Problem> {
        self.ask(&RECORD_POOLS, answer).await
    }

    async fn ask<T>(
        &self,
        pools: &[&str],
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Problem> {
        let (why, exhausted) = match tokio::time::timeout(LEDGER_READ_MAX, answer).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(StoreError::PoolExhausted(exhausted))) => (exhausted.to_string(), Some(exhausted)),
            Ok(Err(error)) => (error.to_string(), None),
            // A pool may grant more time than this to whoever waits for a connection.
            Err(_) => {
                let exhausted = exhausted(self.parts.ledger.pools(), pools);
                (format!("the ledger did not answer within {LEDGER_READ_MAX:?}"), exhausted)
            }
        };
        tracing::warn!(error = %why, "a request could not read the ledger");
        if let Some(exhausted) = exhausted {
            let detail = format!("{exhausted}. Jobs are still accepted");
            return Err(Problem::new(ProblemType::PoolExhausted, detail).retry_after(EXHAUSTED_PAUSE));
        }
        let detail =
            "the ledger cannot be read at present; jobs are still accepted. Try again in a few seconds";
        Err(Problem::new(ProblemType::LedgerUnavailable, detail).retry_after(UNAVAILABLE_PAUSE))
    }
}

/// The first of the pools of these names in which tasks wait while every connection is in use.
fn exhausted(pools: Vec<PoolReport>, names: &[&str]) -> Option<PoolExhausted> {
    let exhausted = pools.into_iter().find(|pool| {
        names.contains(&pool.name.as_str()) && pool.in_use >= pool.size_max && pool.waiting > 0
    })?;
    Some(PoolExhausted { pool: exhausted.name, size_max: exhausted.size_max })
}

/// The pools that single reads take connections of: on a server, and embedded.
const READ_POOLS: [&str; 2] = ["reads", "readers"];
/// The same of what else is kept in the ledger's database; embedded, the one connection that writes is among them.
const RECORD_POOLS: [&str; 3] = ["records", "writer", "readers"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_that_is_named_is_one_that_the_answer_came_by() {
        let pool = |name: &str, waiting| PoolReport {
            name: name.to_owned(),
            size_max: 2,
            idle: 0,
            in_use: 2,
            waiting,
            timeouts: 0,
        };
        let named = |pools, names: &[&str]| exhausted(pools, names).map(|exhausted| exhausted.pool);
        let busy = || vec![pool("primary", 7), pool("reads", 0), pool("records", 1)];
        assert_eq!(named(busy(), &RECORD_POOLS).as_deref(), Some("records"));
        assert_eq!(named(busy(), &READ_POOLS), None, "nobody waits for a read");
        assert_eq!(
            named(vec![pool("writer", 1), pool("readers", 0)], &RECORD_POOLS).as_deref(),
            Some("writer")
        );
        let records = exhausted(busy(), &RECORD_POOLS).unwrap().to_string();
        assert!(
            records.contains("`records`") && !records.contains("raise"),
            "no setting says its size: {records}"
        );
    }
}
