//! The keys port on the ledger's database. The number of keys and the sum of their revisions tell that one changed.

use async_trait::async_trait;
use domain::access::Scope;
use domain::text::{Client, Name};

use super::changes::{chance, changed, version};
use super::rows::Cells;
use super::script::{Script, Value};
use super::session::{Database, Purpose, Session, SqlLedger};
use crate::error::StoreError;
use crate::failure::Failure;
use crate::keys::{ApiKey, ApiKeys};

const COLUMNS: &str = "hash, id, client, name, scopes, accounts, rate, created_at, created_by, expires_at, revoked_at, last_used_at, revision";

#[async_trait]
impl<D: Database> ApiKeys for SqlLedger<D> {
    async fn version_of_keys(&self) -> Result<Option<String>, StoreError> {
        Ok(version(&mut self.database.session(Purpose::ReadingRecords).await?, "api_keys").await?)
    }

    async fn all_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let mut session = self.database.session(Purpose::ReadingRecords).await?;
        let mut script = Script::new(D::Session::DIALECT);
        script.sql("SELECT ").sql(COLUMNS).sql(" FROM api_keys ORDER BY created_at, id");
        let rows = session.run(script).await?.pop().unwrap_or_default();
        Ok(rows.iter().filter_map(|row| key(row).transpose()).collect::<Result<_, _>>()?)
    }

    async fn add_key(&self, key: &ApiKey, ends: Option<(&str, i64)>) -> Result<(), StoreError> {
        let (scopes, accounts, revision) = (key.scopes.to_string(), key.accounts.to_string(), chance()?);
        let change = |script: &mut Script| {
            script.sql("INSERT INTO api_keys (").sql(COLUMNS).sql(") SELECT ");
            script.list([
                Value::Bytes(&key.hash),
                Value::Text(&key.id),
                Value::Text(key.client.as_str()),
                Value::Text(key.name.as_str()),
                Value::Text(&scopes),
                Value::Text(&accounts),
                Value::from(key.rate.map(i64::from)),
                Value::Int(key.created_at),
                Value::Text(&key.created_by),
                Value::from(key.expires_at),
                Value::from(key.revoked_at),
                Value::from(key.last_used_at),
                Value::Int(revision),
            ]);
            if let Some((id, at)) = ends {
                // Whose key was revoked meanwhile gets no other one.
                script.sql(" FROM api_keys WHERE id = ").value(id).sql(" AND revoked_at IS NULL");
                script.sql("; UPDATE api_keys SET expires_at = ").value(at).sql(", revision = ");
                script.value(revision).sql(" WHERE id = ").value(id);
                script.sql(" AND (expires_at IS NULL OR expires_at > ").value(at).sql(")");
            }
        };
        Ok(changed(&mut self.database.session(Purpose::WritingRecords).await?, change).await?)
    }

    async fn revoke_key(&self, id: &str, at: i64) -> Result<(), StoreError> {
        let revision = chance()?;
        let change = |script: &mut Script| {
            script.sql("UPDATE api_keys SET revoked_at = ").value(at).sql(", revision = ").value(revision);
            script.sql(" WHERE revoked_at IS NULL AND id = ").value(id);
        };
        Ok(changed(&mut self.database.session(Purpose::WritingRecords).await?, change).await?)
    }

    async fn keys_used(&self, uses: &[(String, i64)]) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        let mut script = Script::new(D::Session::DIALECT);
        for (place, (id, at)) in uses.iter().enumerate() {
            script.sql(if place > 0 { "; " } else { "" });
            script
                .sql("UPDATE api_keys SET last_used_at = ")
                .value(*at)
                .sql(" WHERE id = ")
                .value(id.as_str());
            script.sql(" AND (last_used_at IS NULL OR last_used_at < ").value(*at).sql(")");
        }
        self.database.session(Purpose::WritingRecords).await?.run(script).await?;
        Ok(())
    }
}

/// A key; `None`: what some hand or a later release wrote there is none, and nobody is let in by it.
fn key(row: &impl Cells) -> Result<Option<ApiKey>, Failure> {
    let (id, name) = (row.text(1)?.to_owned(), row.text(3)?);
    let (client, accounts) = (Client::parse(row.text(2)?), row.text(5)?.parse());
    let (Ok(client), Ok(name), Ok(accounts)) = (client, Name::parse(name), accounts) else {
        tracing::error!(
            key = id,
            "a key in the database has no readable client, name or accounts; it is not taken"
        );
        return Ok(None);
    };
    // A scope of a later release allows nothing here.
    let scopes = row.text(4)?.split('+').filter_map(|scope| scope.parse::<Scope>().ok()).collect();
    Ok(Some(ApiKey {
        hash: row.bytes(0)?.try_into().map_err(|_| Failure::unreadable("hash of a key", &id))?,
        id,
        client,
        name,
        scopes,
        accounts,
        rate: row.int_or_null(6)?.map(|rate| u32::try_from(rate).unwrap_or(0)),
        created_at: row.int(7)?,
        created_by: row.text(8)?.to_owned(),
        expires_at: row.int_or_null(9)?,
        revoked_at: row.int_or_null(10)?,
        last_used_at: row.int_or_null(11)?,
    }))
}
