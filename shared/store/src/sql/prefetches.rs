//! The prefetches port on the ledger's database: a row of the settings for each lane. Its value is the number of messages
//! and something to tell it from any other.

use async_trait::async_trait;
use contract::settings::PREFETCH_MESSAGES_MAX;
use domain::lane::Lane;

use super::rows::Cells;
use super::script::Script;
use super::session::{Database, Purpose, Session, SqlLedger};
use crate::error::StoreError;
use crate::failure::Failure;
use crate::prefetches::{Noted, Prefetches};

// By the pool that posts: a worker takes over many lanes at once, and nothing is posted of them before.
#[async_trait]
impl<D: Database> Prefetches for SqlLedger<D> {
    async fn note(&self, lane: Lane, wanted: u16, usual: u16) -> Result<Noted, StoreError> {
        let mut session = self.database.session(Purpose::Posting).await?;
        let mut kept = read(&mut session, lane).await?;
        loop {
            let prefetch_messages = kept.as_deref().map_or(usual, messages).max(wanted);
            let record = record(prefetch_messages)?;
            let found = write(&mut session, lane, kept.as_deref(), &record).await?;
            if found.as_ref() == Some(&record) {
                return Ok(Noted { prefetch_messages, record });
            }
            // Somebody else was faster.
            kept = found;
        }
    }

    async fn largest(&self, lane: Lane) -> Result<Option<u16>, StoreError> {
        let kept = read(&mut self.database.session(Purpose::Posting).await?, lane).await?;
        Ok(kept.as_deref().map(messages))
    }

    async fn lower(&self, lane: Lane, noted: &Noted, wanted: u16) -> Result<(), StoreError> {
        let mut session = self.database.session(Purpose::Posting).await?;
        write(&mut session, lane, Some(&noted.record), &record(wanted)?).await?;
        Ok(())
    }
}

fn name(lane: Lane) -> String {
    format!("prefetch {}", lane.0)
}

fn record(messages: u16) -> Result<String, Failure> {
    let unique =
        getrandom::u64().map_err(|cause| Failure::Transient(format!("no random number: {cause}")))?;
    Ok(format!("{messages} {unique:016x}"))
}

fn messages(record: &str) -> u16 {
    let number = record.split_once(' ').and_then(|(messages, _)| messages.parse().ok());
    // Whatever it was, nobody can have had more.
    number.unwrap_or(PREFETCH_MESSAGES_MAX)
}

async fn read<S: Session>(session: &mut S, lane: Lane) -> Result<Option<String>, Failure> {
    let mut script = Script::new(S::DIALECT);
    select(&mut script, &name(lane));
    found(session.run(script).await?)
}

/// Puts a record in place of this one, or where there is none, and returns what is there then.
async fn write<S: Session>(
    session: &mut S,
    lane: Lane,
    kept: Option<&str>,
    record: &str,
) -> Result<Option<String>, Failure> {
    let name = name(lane);
    let mut script = Script::new(S::DIALECT);
    match kept {
        Some(kept) => {
            script.sql("UPDATE settings SET value = ").value(record);
            script.sql(" WHERE name = ").value(name.as_str()).sql(" AND value = ").value(kept);
        }
        None => {
            script.insert_ignore().sql("settings (name, value) VALUES (");
            script.value(name.as_str()).sql(", ").value(record).sql(")");
        }
    }
    script.sql("; ");
    select(&mut script, &name);
    found(session.run(script).await?)
}

fn select(script: &mut Script, name: &str) {
    script.sql("SELECT value FROM settings WHERE name = ").value(name);
}

fn found<R: Cells>(mut answers: Vec<Vec<R>>) -> Result<Option<String>, Failure> {
    let rows = answers.pop().unwrap_or_default();
    rows.first().map(|row| row.text(0).map(str::to_owned)).transpose()
}
