//! What became of attempts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{deliveries, endpoints, micros, now, rows, stream};
use crate::failure::Failure;
use crate::sql::changes::{chance, changed};
use crate::sql::posting::SqlTransaction;
use crate::sql::rows::{self as cells, Cells, count};
use crate::sql::script::{Script, Value};
use crate::sql::session::Session;
use crate::sql::statements::{begin, select_now, stored};
use crate::webhooks::{
    ATTEMPTS_KEPT_FOR, ATTEMPTS_KEPT_MAX, AttemptRecord, AttemptResult, Disabled, Done, FAILING_MAX, Then,
};

/// Rows removed in one statement, so that none holds up others for long.
const PRUNED_AT_ONCE: i64 = 500;
/// Characters of an error and of an answer that are kept.
const ERROR_CHARS_MAX: usize = 500;
const ANSWER_CHARS_MAX: usize = 1_000;

/// How an endpoint stands before and after a few attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Health {
    failing_since: Option<i64>,
    disabled: Option<Disabled>,
}

pub(super) async fn note<S: Session>(session: S, done: &[Done]) -> Result<Vec<(String, Disabled)>, Failure> {
    let mut transaction = SqlTransaction::new(session);
    let mut script = Script::new(S::DIALECT);
    begin(&mut script);
    select_now(&mut script);
    let ids: BTreeSet<_> = done.iter().map(|done| done.delivery.new.endpoint.as_str()).collect();
    stream::lock_endpoints(&mut script, ids);
    let mut found = transaction.run(script).await?.into_iter().skip(1);
    let now = cells::now(&found.next().unwrap_or_default())?;
    let before = found.next().unwrap_or_default();
    let before = before.iter().map(|row| {
        let disabled = row.text_or_null(2)?.map(|why| why.parse().unwrap_or(Disabled::Failing));
        Ok((row.text(0)?.to_owned(), Health { failing_since: row.int_or_null(1)?, disabled }))
    });
    let before = before.collect::<Result<BTreeMap<_, _>, Failure>>()?;
    let mut after = before.clone();
    for done in done {
        if let Some(health) = after.get_mut(&done.delivery.new.endpoint) {
            *health = health.after(done.then, now);
        }
    }

    let mut script = Script::new(S::DIALECT);
    insert(&mut script, done, now);
    let ended = remove_and_postpone(&mut script, done, now);
    script.sql("SELECT 1");
    transaction.run(script).await?;
    let oldest = if ended.is_empty() { Vec::new() } else { stream::oldest(&mut transaction, &ended).await? };
    let mut script = Script::new(S::DIALECT);
    deliveries::make_due(&mut script, &oldest, now);
    let mut disabled = Vec::new();
    for (id, health) in &after {
        let Some(earlier) = before.get(id).filter(|earlier| *earlier != health) else { continue };
        script.sql("UPDATE webhook_endpoints SET failing_since = ").value(health.failing_since);
        if let (None, Some(why)) = (earlier.disabled, health.disabled) {
            script.sql(", revision = ").value(chance()?);
            endpoints::disable(&mut script, why, now);
            disabled.push((id.clone(), why));
        }
        script.sql(" WHERE id = ").value(id.as_str()).sql("; ");
    }
    script.sql("COMMIT");
    transaction.finish(script).await?;
    Ok(disabled)
}

impl Health {
    fn after(self, then: Then, now: i64) -> Health {
        let failing_since = Some(self.failing_since.unwrap_or(now));
        let too_long = failing_since.is_some_and(|since| now.saturating_sub(since) > micros(FAILING_MAX));
        match then {
            Then::Drop => self,
            Then::Delivered => Health { failing_since: None, ..self },
            Then::Disable(why) => Health { failing_since, disabled: self.disabled.or(Some(why)) },
            Then::Retry(_) | Then::GiveUp if too_long => {
                Health { failing_since, disabled: self.disabled.or(Some(Disabled::Failing)) }
            }
            Then::Retry(_) | Then::GiveUp => Health { failing_since, ..self },
        }
    }
}

fn insert(script: &mut Script, done: &[Done], now: i64) {
    let tried: Vec<_> = done.iter().filter_map(|done| Some((done, result(done.then)?))).collect();
    if tried.is_empty() {
        return;
    }
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let texts: Vec<_> = tried
        .iter()
        .map(|(done, _)| {
            let error = done.error.as_deref().map(|error| cut(error, ERROR_CHARS_MAX));
            (error, cut(&done.answer, ANSWER_CHARS_MAX))
        })
        .collect();
    script.sql(
        "INSERT INTO webhook_attempts (endpoint, event, type, at, attempt, status, error, answer, took_ms, result) VALUES ",
    );
    script.rows(tried.iter().zip(&texts).map(|((done, result), (error, answer))| {
        let new = &done.delivery.new;
        [
            Value::Text(&new.endpoint),
            Value::Text(&new.event),
            Value::Text(&new.event_type),
            Value::Int(now),
            Value::Int(i64::from(done.delivery.attempts) + 1),
            Value::from(done.status.map(i64::from)),
            Value::from(error.as_deref()),
            Value::Text(answer),
            Value::Int(i64::try_from(done.took.as_millis()).unwrap_or(i64::MAX)),
            Value::Name(result.name()),
        ]
    }));
    script.sql("; ");
}

fn result(then: Then) -> Option<AttemptResult> {
    match then {
        Then::Delivered => Some(AttemptResult::Delivered),
        Then::Retry(_) | Then::Disable(_) => Some(AttemptResult::Retry),
        Then::GiveUp => Some(AttemptResult::GivenUp),
        Then::Drop => None,
    }
}

/// Returns the accounts of those that are removed, by endpoint.
fn remove_and_postpone<'a>(
    script: &mut Script,
    done: &'a [Done],
    now: i64,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut ended: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut numbers = Vec::new();
    for Done { delivery, then, .. } in done {
        let number = stored(delivery.number);
        let pause = match then {
            Then::Retry(pause) => *pause,
            // It is the first that is sent once the endpoint is enabled again.
            Then::Disable(_) => Duration::ZERO,
            Then::Delivered | Then::GiveUp | Then::Drop => {
                let accounts = ended.entry(delivery.new.endpoint.as_str()).or_default();
                accounts.insert(delivery.new.account.as_str());
                numbers.push(number);
                continue;
            }
        };
        script.sql("UPDATE webhook_deliveries SET lease = NULL, attempts = ");
        script.value(i64::from(delivery.attempts) + 1).sql(", due_at = ");
        script.value(now.saturating_add(micros(pause))).sql(" WHERE number = ").value(number);
        // Somebody else has it by now, if the lease is another.
        script.sql(" AND lease = ").value(delivery.lease).sql("; ");
    }
    if !numbers.is_empty() {
        script.sql("DELETE FROM webhook_deliveries WHERE number IN (").list(numbers).sql("); ");
    }
    ended
}

pub(super) async fn list<S: Session>(
    session: &mut S,
    endpoint: &str,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<(u64, AttemptRecord)>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT number, event, type, at, attempt, status, error, answer, took_ms, result");
    script.sql(" FROM webhook_attempts WHERE endpoint = ").value(endpoint);
    script.sql(" AND number < ").value(before.map_or(i64::MAX, stored));
    script.sql(" ORDER BY number DESC LIMIT ").value(i64::from(limit));
    rows(session, script).await?.iter().map(record).collect()
}

fn record(row: &impl Cells) -> Result<(u64, AttemptRecord), Failure> {
    let result = row.text(9)?;
    let small =
        |value: i64| u16::try_from(value).map_err(|_| Failure::unreadable("status of an attempt", value));
    let record = AttemptRecord {
        event: row.text(1)?.to_owned(),
        event_type: row.text(2)?.to_owned(),
        at: row.int(3)?,
        attempt: u32::try_from(row.int(4)?).map_err(|_| Failure::unreadable("number of attempts", result))?,
        status: row.int_or_null(5)?.map(small).transpose()?,
        error: row.text_or_null(6)?.map(str::to_owned),
        answer: row.text(7)?.to_owned(),
        took_ms: count(row.int(8)?)?,
        result: result.parse().map_err(|_| Failure::unreadable("result of an attempt", result))?,
    };
    Ok((count(row.int(0)?)?, record))
}

pub(super) async fn prune<S: Session>(session: &mut S, endpoints: &[&str]) -> Result<(), Failure> {
    let old = now(session).await?.saturating_sub(micros(ATTEMPTS_KEPT_FOR));
    let by_age = |script: &mut Script| {
        script.sql("SELECT number FROM webhook_attempts WHERE at < ").value(old).sql(" ORDER BY at LIMIT ");
        script.value(PRUNED_AT_ONCE);
    };
    while remove_some(session, "webhook_attempts", by_age).await? {}
    for endpoint in endpoints {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT number FROM webhook_attempts WHERE endpoint = ").value(*endpoint);
        script.sql(" ORDER BY number DESC LIMIT 1 OFFSET ").value(i64::from(ATTEMPTS_KEPT_MAX));
        let last = rows(session, script).await?;
        let Some(last) = last.first().map(|row| row.int(0)).transpose()? else { continue };
        let by_number = |script: &mut Script| {
            script.sql("SELECT number FROM webhook_attempts WHERE endpoint = ").value(*endpoint);
            script.sql(" AND number <= ").value(last).sql(" LIMIT ").value(PRUNED_AT_ONCE);
        };
        while remove_some(session, "webhook_attempts", by_number).await? {}
    }
    Ok(())
}

/// What is left of endpoints that are gone.
pub(super) async fn remove_orphans<S: Session>(session: &mut S) -> Result<(), Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT DISTINCT endpoint FROM webhook_deliveries UNION SELECT DISTINCT endpoint FROM webhook_attempts");
    let named = rows(session, script).await?;
    let named = named.iter().map(|row| row.text(0)).collect::<Result<BTreeSet<_>, _>>()?;
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT id FROM webhook_endpoints");
    let there = rows(session, script).await?;
    let there = there.iter().map(|row| row.text(0)).collect::<Result<BTreeSet<_>, _>>()?;
    for gone in named.difference(&there) {
        for table in ["webhook_deliveries", "webhook_attempts"] {
            let of_it = |script: &mut Script| {
                script.sql("SELECT number FROM ").sql(table).sql(" WHERE endpoint = ").value(*gone);
                script.sql(" LIMIT ").value(PRUNED_AT_ONCE);
            };
            while remove_some(session, table, of_it).await? {}
        }
    }
    Ok(())
}

/// Finds them before it removes them: neither database takes a limit there that the other does. `false`: that was all.
async fn remove_some<S: Session>(
    session: &mut S,
    table: &'static str,
    find: impl FnOnce(&mut Script),
) -> Result<bool, Failure> {
    let mut script = Script::new(S::DIALECT);
    find(&mut script);
    let found = rows(session, script).await?;
    let numbers = found.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, _>>()?;
    if numbers.is_empty() {
        return Ok(false);
    }
    let all = i64::try_from(numbers.len()).is_ok_and(|removed| removed < PRUNED_AT_ONCE);
    changed(session, |script| {
        script.sql("DELETE FROM ").sql(table).sql(" WHERE number IN (").list(numbers).sql(")");
    })
    .await?;
    Ok(!all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_fails_for_days_is_disabled_and_one_success_starts_anew() {
        let well = Health { failing_since: None, disabled: None };
        let retry = Then::Retry(Duration::from_secs(5));
        let failing = well.after(retry, 1_000);
        assert_eq!(failing.failing_since, Some(1_000));
        let still = failing.after(Then::GiveUp, 1_000 + micros(FAILING_MAX));
        assert_eq!(still, failing);
        let over = 1_001 + micros(FAILING_MAX);
        assert_eq!(still.after(retry, over).disabled, Some(Disabled::Failing));
        assert_eq!(still.after(Then::Delivered, over), well);
        assert_eq!(still.after(Then::Drop, over), still);
        let gone = well.after(Then::Disable(Disabled::Gone), 5);
        assert_eq!(gone.after(retry, over).disabled, Some(Disabled::Gone), "the first reason stays");
    }
}
