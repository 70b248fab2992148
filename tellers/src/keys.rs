//! `tellers keys`: keys of clients, made and ended at the database.

use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use domain::access::{Accounts, Scopes};
use domain::text::Name;
use fleet::config::FleetConfig;
use jiff::{Span, SpanRelativeTo, Timestamp};
use runtime::clock;
use serde::Serialize;
use serde_with::skip_serializing_none;
use store::keys::{ApiKey, ApiKeys};
use tellers_http::keys::making::{self, NewKey, OVERLAP_US_MAX};
use tellers_http::keys::{Secret, client_of};
use tellers_http::trail::Who;

use crate::cli::{KeysArgs, KeysCommand, NewKeyArgs};
use crate::output;
use crate::parts::{self, Books};

/// Who makes keys here: nobody asked for a name, but the database for its password.
const AT_THE_DATABASE: &str = "tellers keys";

pub(crate) async fn run(fleet: FleetConfig, args: KeysArgs) -> anyhow::Result<ExitCode> {
    let books = match args.command {
        // The first key is made before the fleet is first started.
        KeysCommand::Create { .. } if fleet.database_url.is_none() => {
            let books = parts::books(&fleet)?;
            books.ledger.migrate(fleet.lanes).await?;
            books
        }
        _ => parts::existing_books(&fleet)?,
    };
    books.ledger.check(fleet.lanes).await?;
    let done = match args.command {
        KeysCommand::Create { new, json } => create(&books, new, json).await,
        KeysCommand::List { json } => list(&*books.api_keys, json).await,
        KeysCommand::Show { id } => show(&*books.api_keys, &id).await,
        KeysCommand::Rotate { id, overlap, json } => rotate(&books, &id, overlap, json).await,
        KeysCommand::Revoke { id } => revoke(&books, &id).await,
    };
    books.ledger.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

/// Makes the first key of a fleet that strangers reach, with everything allowed.
pub(crate) async fn first(books: &Books) -> anyhow::Result<Option<Secret>> {
    if books.api_keys.version_of_keys().await?.is_some() {
        return Ok(None);
    }
    let new = NewKey {
        client: client_of("admin")?,
        name: Name::parse("first key")?,
        scopes: Scopes::all(),
        accounts: Accounts::all(),
        rate: None,
        expires_at: None,
    };
    let (key, secret) = making::make(&*books.api_keys, new, "tellers migrate").await?;
    note(books, "key_created", &key).await;
    Ok(Some(secret))
}

async fn create(books: &Books, new: NewKeyArgs, json: bool) -> anyhow::Result<()> {
    let NewKeyArgs { client, name, scopes, accounts, rate, expires } = new;
    let client = client_of(&client).with_context(|| format!("--client {client}"))?;
    let name = match name {
        Some(name) => name,
        None => Name::parse(client.as_str()).context("--client")?,
    };
    let expires_at = expires.as_deref().map(ahead).transpose().context("--expires")?;
    let new = NewKey { client, name, scopes, accounts, rate, expires_at };
    let (key, secret) = making::make(&*books.api_keys, new, AT_THE_DATABASE).await?;
    note(books, "key_created", &key).await;
    reveal(&key, &secret, json)
}

async fn list(keys: &dyn ApiKeys, json: bool) -> anyhow::Result<()> {
    let keys = keys.all_keys().await?;
    if json {
        for key in &keys {
            output::line(serde_json::to_string(&Shown::of(key, None))?)?;
        }
        return Ok(());
    }
    let mut table = Table::new();
    let columns = ["id", "client", "name", "scopes", "accounts", "status", "expires", "last used"];
    table.load_style(UTF8_FULL_CONDENSED).set_header(columns);
    for key in &keys {
        let shown = Shown::of(key, None);
        table.add_row([
            shown.id,
            shown.client,
            shown.name,
            &shown.scopes,
            &shown.accounts,
            shown.status,
            &shown.expires_at.map(|at| at.to_string()).unwrap_or_default(),
            &shown.last_used_at.map(|at| at.to_string()).unwrap_or_default(),
        ]);
    }
    output::line(&table)?;
    Ok(())
}

async fn show(keys: &dyn ApiKeys, id: &str) -> anyhow::Result<()> {
    let key = making::find(keys, id).await?.with_context(|| unknown(id))?;
    output::line(serde_json::to_string_pretty(&Shown::of(&key, None))?)?;
    Ok(())
}

async fn rotate(books: &Books, id: &str, overlap: Span, json: bool) -> anyhow::Result<()> {
    let overlap_us = after(Timestamp::now(), overlap).context("--overlap")? - clock::now_us();
    ensure!(
        overlap_us <= OVERLAP_US_MAX,
        "--overlap is more than 90 days; make a key of its own for so long a time"
    );
    let (key, secret) = making::rotate(&*books.api_keys, id, overlap_us, AT_THE_DATABASE).await?;
    note(books, "key_rotated", &key).await;
    reveal(&key, &secret, json)
}

async fn revoke(books: &Books, id: &str) -> anyhow::Result<()> {
    let key = making::revoke(&*books.api_keys, id).await?.with_context(|| unknown(id))?;
    note(books, "key_revoked", &key).await;
    output::done(format_args!(
        "revoked {} of {}; every replica refuses it within 2 seconds",
        key.id, key.client
    ));
    Ok(())
}

/// The key on standard output, all else beside it.
fn reveal(key: &ApiKey, secret: &Secret, json: bool) -> anyhow::Result<()> {
    if json {
        return output::secret(serde_json::to_string(&Shown::of(key, Some(secret)))?);
    }
    output::beside(format_args!(
        "key {} of {}, for {} on {}; it is shown this once:",
        key.id, key.client, key.scopes, key.accounts
    ));
    output::secret(secret.reveal())
}

/// The key is made or ended, whether or not that can be written down.
async fn note(books: &Books, action: &str, key: &ApiKey) {
    let detail = [("key", key.id.as_str()), ("client", key.client.as_str())];
    let event = Who::at_the_database(AT_THE_DATABASE.to_owned()).event(action, &detail);
    if let Err(error) = books.audit_log.add_to_audit_log(&[event]).await {
        tracing::warn!(%error, "the audit log could not be written");
    }
}

/// A key, as it is printed.
#[skip_serializing_none]
#[derive(Debug, Serialize)]
struct Shown<'a> {
    id: &'a str,
    client: &'a str,
    name: &'a str,
    scopes: String,
    accounts: String,
    rate: Option<u32>,
    status: &'static str,
    created_at: Timestamp,
    created_by: &'a str,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    key: Option<&'a str>,
}

impl<'a> Shown<'a> {
    fn of(key: &'a ApiKey, secret: Option<&'a Secret>) -> Shown<'a> {
        let time = |at: i64| Timestamp::from_microsecond(at).unwrap_or_default();
        Shown {
            id: &key.id,
            client: key.client.as_str(),
            name: key.name.as_str(),
            scopes: key.scopes.to_string(),
            accounts: key.accounts.to_string(),
            rate: key.rate,
            status: key.status_at(clock::now_us()),
            created_at: time(key.created_at),
            created_by: &key.created_by,
            expires_at: key.expires_at.map(time),
            revoked_at: key.revoked_at.map(time),
            last_used_at: key.last_used_at.map(time),
            key: secret.map(Secret::reveal),
        }
    }
}

/// A time that lies ahead, in microseconds since the Unix epoch: as a time or as how long from now.
fn ahead(text: &str) -> anyhow::Result<i64> {
    let now = Timestamp::now();
    let end = match (text.parse::<Timestamp>(), text.parse::<Span>()) {
        (Ok(time), _) => time.as_microsecond(),
        (_, Ok(span)) => after(now, span)?,
        _ => bail!("`{text}` is neither a time such as 2027-12-31T00:00:00Z nor a duration such as 90d"),
    };
    ensure!(end > now.as_microsecond(), "`{text}` does not lie ahead");
    Ok(end)
}

fn after(now: Timestamp, span: Span) -> anyhow::Result<i64> {
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours())?;
    Ok(now.checked_add(duration)?.as_microsecond())
}

fn unknown(id: &str) -> String {
    format!("there is no key {id}; `tellers keys list` shows the keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_time_or_a_duration_and_lies_ahead() {
        let day = 24 * 3_600 * 1_000_000;
        let in_90_days = ahead("90d").unwrap() - clock::now_us();
        assert!((89 * day..=90 * day).contains(&in_90_days), "{in_90_days}");
        assert_eq!(ahead("2099-01-01T00:00:00Z").unwrap(), 4_070_908_800_000_000);
        for wrong in ["soon", "", "2001-01-01T00:00:00Z", "-1d"] {
            let told = ahead(wrong).unwrap_err().to_string();
            assert!(told.contains(&format!("`{wrong}`")), "{told}");
        }
    }
}
