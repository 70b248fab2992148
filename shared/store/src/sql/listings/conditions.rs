//! What a filter asks of a job, as far as SQL looks at it. Of bodies it looks at no more than whether they may say what is
//! asked for: bodies that do, and some that do not, which are read afterwards. So no database has to read JSON.

use domain::job::Kind;

use crate::ledger::listing::{BodyFilter, JobFilter, MetadataFilter, without_blanks};
use crate::sql::script::{Dialect, Script, Value};

/// ` AND …` for each field of the filter, the account and the import excepted.
pub(super) fn conditions(script: &mut Script, filter: &JobFilter) {
    let JobFilter {
        client,
        or_touching,
        of_client,
        reference,
        kind,
        outcome,
        reason,
        account: _,
        import: _,
        from,
        to,
        accepted_from,
        accepted_to,
        body,
    } = filter;
    if let Some(client) = client {
        script.sql(" AND (j.client = ").value(client.as_str());
        if let Some(accounts) = or_touching {
            script.sql(" OR j.kind = ").value(Value::Name(Kind::Reversal.name()));
            for pattern in accounts.patterns() {
                // As JSON has it. A _ of a number stands for any character here: the rest is looked at later.
                let begun = pattern.prefix().map(|prefix| format!("%\"{prefix}%"));
                let written = begun.unwrap_or_else(|| format!("%\"{pattern}\"%"));
                script.sql(" OR j.body LIKE ").value(written.as_str());
            }
        }
        script.sql(")");
    }
    if let Some(client) = of_client {
        script.sql(" AND j.client = ").value(client.as_str());
    }
    if let Some(reference) = reference {
        script.sql(" AND j.reference = ").value(reference.as_str());
    }
    if let Some(kind) = kind {
        script.sql(" AND j.kind = ").value(Value::Name(kind.name()));
    }
    if let Some(outcome) = outcome {
        script.sql(" AND j.outcome = ").value(Value::Name(outcome.name()));
    }
    if let Some(reason) = reason {
        script.sql(" AND j.reason = ").value(Value::Name(reason.name()));
    }
    if let Some(from) = from {
        script.sql(" AND j.posted_at >= ").value(*from);
    }
    if let Some(to) = to {
        script.sql(" AND j.posted_at < ").value(*to);
    }
    if let Some(from) = accepted_from {
        script.sql(" AND j.accepted_at >= ").value(*from);
    }
    if let Some(to) = accepted_to {
        script.sql(" AND j.accepted_at < ").value(*to);
    }
    of_body(script, body);
}

fn of_body(script: &mut Script, filter: &BodyFilter) {
    let BodyFilter {
        end_to_end_id,
        amount_min,
        amount_max,
        currency,
        counterparty,
        counterparty_account,
        memo,
        metadata,
    } = filter;
    amounts(script, *amount_min, *amount_max);
    if let Some(currency) = currency {
        has(script, &format!("\"currency\":\"{currency}\""));
    }
    if counterparty.is_some() {
        script.sql(" AND (INSTR(j.body, '\"counterparty\":') > 0 OR INSTR(j.body, '_name\":') > 0");
        script.sql(" OR INSTR(j.body, '\"holder\":') > 0)");
    }
    if memo.is_some() {
        has(script, "\"memo\":");
    }
    // The case of letters beyond ASCII is looked at later.
    for run in [counterparty, memo].into_iter().flatten().filter_map(|text| plain_run(text)) {
        script.sql(" AND INSTR(LOWER(j.body), ").value(run.to_ascii_lowercase().as_str()).sql(") > 0");
    }
    if let Some(account) = counterparty_account {
        has(script, "\"counterparty\":");
        if let Some(run) = plain_run(&without_blanks(account)) {
            script.sql(" AND INSTR(REPLACE(UPPER(j.body), ' ', ''), ").value(run).sql(") > 0");
        }
    }
    if let Some(id) = end_to_end_id {
        has(script, "\"end_to_end_id\"");
        has_written(script, id);
    }
    if let Some(MetadataFilter { key, value }) = metadata {
        has(script, "\"metadata\":");
        has_written(script, key);
        if let Some(value) = value {
            has_written(script, value);
        }
    }
}

/// The amount stands at the top of a body, and something behind it; a journal has only those of its legs.
fn amounts(script: &mut Script, min: Option<i64>, max: Option<i64>) {
    if min.is_none() && max.is_none() {
        return;
    }
    script.sql(" AND (j.kind = ").value(Value::Name(Kind::Journal.name()));
    match (min, max) {
        (Some(min), Some(max)) if min == max => {
            let written = format!("\"amount\":{min},");
            script.sql(" OR INSTR(j.body, ").value(written.as_str()).sql(") > 0)");
        }
        (min, max) => {
            script.sql(" OR (INSTR(j.body, '\"amount\":') > 0 AND ");
            script.sql(match script.dialect() {
                Dialect::MySql => {
                    "CAST(SUBSTRING_INDEX(SUBSTRING(j.body, INSTR(j.body, '\"amount\":') + 9), ',', 1) AS SIGNED)"
                }
                Dialect::Sqlite => "CAST(SUBSTR(j.body, INSTR(j.body, '\"amount\":') + 9) AS INTEGER)",
            });
            script.sql(" BETWEEN ").value(min.unwrap_or_default());
            script.sql(" AND ").value(max.unwrap_or(i64::MAX)).sql("))");
        }
    }
}

fn has(script: &mut Script, text: &str) {
    script.sql(" AND INSTR(j.body, ").value(text).sql(") > 0");
}

/// What a client wrote may have any of its characters as `\u…`.
fn has_written(script: &mut Script, text: &str) {
    if let Some(run) = plain_run(text) {
        script
            .sql(" AND (INSTR(j.body, ")
            .value(run)
            .sql(") > 0 OR INSTR(j.body, ")
            .value("\\u")
            .sql(") > 0)");
    }
}

/// The longest stretch of a text that JSON writes as it is: letters and digits of ASCII.
fn plain_run(text: &str) -> Option<&str> {
    let runs = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|run| !run.is_empty());
    runs.max_by_key(|run| run.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(filter: &JobFilter) -> String {
        let mut script = Script::new(Dialect::MySql);
        conditions(&mut script, filter);
        script.into_text()
    }

    #[test]
    fn nothing_that_a_client_wrote_ends_a_text() {
        let body = BodyFilter {
            counterparty: Some("O'Brien\\ 100%".to_owned()),
            memo: Some("'; DROP".to_owned()),
            metadata: Some(MetadataFilter { key: "a'b".to_owned(), value: Some("\"".to_owned()) }),
            ..BodyFilter::default()
        };
        let text = sql(&JobFilter { body, ..JobFilter::default() });
        assert!(text.contains("'brien') > 0") && text.contains("'drop') > 0"), "{text}");
        assert!(!text.contains("'';") && text.matches('\'').count().is_multiple_of(2), "{text}");
    }

    #[test]
    fn a_text_without_letters_is_looked_at_later() {
        assert_eq!(plain_run("Bäcker & Söhne"), Some("cker"));
        assert_eq!(plain_run("  é "), None);
        let body = BodyFilter { memo: Some("…".to_owned()), ..BodyFilter::default() };
        assert_eq!(sql(&JobFilter { body, ..JobFilter::default() }), " AND INSTR(j.body, '\"memo\":') > 0");
    }
}
