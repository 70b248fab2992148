//! Endpoints.

use domain::text::{Client, Name};

use super::{micros, now, rows};
use crate::failure::Failure;
use crate::sql::changes::{chance, changed};
use crate::sql::rows::{Cells, count};
use crate::sql::script::{Script, Value};
use crate::sql::session::Session;
use crate::webhooks::{Disabled, Endpoint, EndpointChange, Secrets, Standing};

const COLUMNS: &str = "id, client, name, url, types, accounts, secret, old_secret, old_secret_until, created_at, \
     created_by, key_id, disabled, disabled_at, failing_since, behind_at, missed_at";

pub(super) async fn all<S: Session>(
    session: &mut S,
    client: Option<&Client>,
) -> Result<Vec<Endpoint>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT ").sql(COLUMNS).sql(" FROM webhook_endpoints");
    if let Some(client) = client {
        script.sql(" WHERE client = ").value(client.as_str());
    }
    script.sql(" ORDER BY created_at, id");
    read(&rows(session, script).await?)
}

pub(super) async fn one<S: Session>(session: &mut S, id: &str) -> Result<Option<Endpoint>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT ").sql(COLUMNS).sql(" FROM webhook_endpoints WHERE id = ").value(id);
    Ok(read(&rows(session, script).await?)?.pop())
}

pub(super) async fn add<S: Session>(session: &mut S, endpoint: &Endpoint) -> Result<(), Failure> {
    let (now, revision) = (now(session).await?, chance()?);
    let (types, accounts) = (endpoint.types.join("+"), endpoint.accounts.to_string());
    let mut script = Script::new(S::DIALECT);
    script.sql("INSERT INTO webhook_endpoints (").sql(COLUMNS).sql(", revision) VALUES (");
    script.list([
        Value::Text(&endpoint.id),
        Value::Text(endpoint.client.as_str()),
        Value::Text(endpoint.name.as_str()),
        Value::Text(&endpoint.url),
        Value::Text(&types),
        Value::Text(&accounts),
        Value::Text(&endpoint.secrets.current),
        Value::Null,
        Value::Null,
        Value::Int(now),
        Value::Text(&endpoint.created_by),
        Value::from(endpoint.key.as_deref()),
        Value::Null,
        Value::Null,
        Value::Null,
        // It joins the others once it has what happened since.
        Value::Int(0),
        Value::Null,
        Value::Int(revision),
    ]);
    script.sql(")");
    session.run(script).await.map(drop)
}

pub(super) async fn change<S: Session>(
    session: &mut S,
    id: &str,
    change: &EndpointChange<'_>,
) -> Result<(), Failure> {
    let (now, revision) = (now(session).await?, chance()?);
    let mut script = Script::new(S::DIALECT);
    script.sql("UPDATE webhook_endpoints SET revision = ").value(revision);
    if let Some(name) = change.name {
        script.sql(", name = ").value(name.as_str());
    }
    if let Some(url) = change.url {
        script.sql(", url = ").value(url);
    }
    if let Some(types) = change.types {
        script.sql(", types = ").value(types.join("+").as_str());
    }
    if let Some(accounts) = change.accounts {
        script.sql(", accounts = ").value(accounts.to_string().as_str());
    }
    if let Some((secret, overlap)) = change.secret {
        // MySQL sets from left to right: the old secret is read before it changes.
        script.sql(", old_secret_until = ").value(now.saturating_add(micros(overlap)));
        script.sql(", old_secret = secret, secret = ").value(secret);
    }
    match change.disabled {
        Some(None) => {
            script.sql(", disabled = NULL, disabled_at = NULL, failing_since = NULL, missed_at = NULL");
        }
        Some(Some(why)) => disable(&mut script, why, now),
        None => {}
    }
    if change.skips {
        script.sql(", behind_at = NULL");
    }
    script.sql(" WHERE id = ").value(id);
    session.run(script).await.map(drop)
}

/// `, disabled = …`: why it was first, and since when.
pub(super) fn disable(script: &mut Script, why: Disabled, now: i64) {
    // MySQL sets from left to right.
    script.sql(", disabled_at = COALESCE(disabled_at, ").value(now);
    script.sql("), disabled = COALESCE(disabled, ").value(Value::Name(why.name())).sql(")");
}

pub(super) async fn remove<S: Session>(session: &mut S, id: &str) -> Result<(), Failure> {
    changed(session, |script| {
        script.sql("DELETE FROM webhook_resends WHERE endpoint = ").value(id);
        script.sql("; DELETE FROM webhook_endpoints WHERE id = ").value(id);
    })
    .await
}

pub(super) async fn standing<S: Session>(session: &mut S) -> Result<Standing, Failure> {
    let asked = Value::Name(Disabled::ByClient.name());
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT COUNT(CASE WHEN disabled IS NULL THEN 1 END), ");
    script.sql("COUNT(CASE WHEN disabled IS NULL THEN failing_since END), ");
    script.sql("COUNT(CASE WHEN disabled <> ").value(asked).sql(" THEN 1 END), ");
    script.sql("MIN(CASE WHEN disabled <> ").value(asked).sql(" THEN id END), ");
    script.sql("(SELECT COUNT(*) FROM webhook_deliveries) FROM webhook_endpoints");
    let found = rows(session, script).await?;
    let row = found.first().ok_or_else(|| Failure::unreadable("number of endpoints", "nothing"))?;
    Ok(Standing {
        active: count(row.int(0)?)?,
        failing: count(row.int(1)?)?,
        disabled: count(row.int(2)?)?,
        disabled_one: row.text_or_null(3)?.map(str::to_owned),
        waiting: count(row.int(4)?)?,
    })
}

/// Those that can be read: what some hand wrote there is sent nothing.
fn read<R: Cells>(rows: &[R]) -> Result<Vec<Endpoint>, Failure> {
    rows.iter().filter_map(|row| endpoint(row).transpose()).collect()
}

fn endpoint(row: &impl Cells) -> Result<Option<Endpoint>, Failure> {
    let id = row.text(0)?.to_owned();
    let (client, name, accounts) =
        (Client::parse(row.text(1)?), Name::parse(row.text(2)?), row.text(5)?.parse());
    let (Ok(client), Ok(name), Ok(accounts)) = (client, name, accounts) else {
        tracing::error!(
            endpoint = id,
            "a webhook endpoint in the database has no readable client, name or accounts; it is sent nothing"
        );
        return Ok(None);
    };
    let types = row.text(4)?.split('+').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let old = row.text_or_null(7)?.map(str::to_owned).zip(row.int_or_null(8)?);
    let why = row.text_or_null(12)?;
    // A reason of a later release is a reason all the same.
    let why = why.map(|why| why.parse().unwrap_or(Disabled::Failing));
    Ok(Some(Endpoint {
        id,
        client,
        name,
        url: row.text(3)?.to_owned(),
        types,
        accounts,
        secrets: Secrets { current: row.text(6)?.to_owned(), old },
        created_at: row.int(9)?,
        created_by: row.text(10)?.to_owned(),
        key: row.text_or_null(11)?.map(str::to_owned),
        disabled: why.zip(row.int_or_null(13)?),
        failing_since: row.int_or_null(14)?,
        behind_at: row.int_or_null(15)?.map(count).transpose()?,
        missed_at: row.int_or_null(16)?,
    }))
}
