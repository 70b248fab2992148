//! Ids that are not derived any more, and the clients whose keys had other names.

use std::collections::HashMap;

use domain::text::ANONYMOUS;
use domain::text::Client;

use super::cancellations::only_jobs;
use super::schema;
use crate::failure::Failure;
use crate::ledger::record::FormerIds;
use crate::sql::rows::Cells;
use crate::sql::script::{Script, Value};
use crate::sql::session::Session;

/// Keeps whose keys there are, and reads what was before. Whoever asked nobody for a key at first posted its first job
/// so.
pub(super) async fn read<S: Session>(
    session: &mut S,
    clients: &[([u8; 32], Client)],
) -> Result<FormerIds, Failure> {
    keep_clients(session, clients).await?;
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT value FROM settings WHERE name = 'former_ids'; ");
    script.sql("SELECT j.client FROM jobs j WHERE TRUE");
    only_jobs(&mut script).sql(" ORDER BY j.seq LIMIT 1; ");
    script.sql("SELECT key_hash, client FROM key_clients");
    let mut results = session.run(script).await?.into_iter();
    let first_text = |rows: Option<Vec<S::Row>>| -> Result<Option<String>, Failure> {
        rows.unwrap_or_default().first().map(|row| row.text(0).map(str::to_owned)).transpose()
    };
    let (kept, first_client) = (first_text(results.next())?, first_text(results.next())?);
    let known = results.next().unwrap_or_default();
    let known = known.iter().map(|row| Ok((row.bytes(0)?.to_vec(), row.text(1)?.to_owned())));
    Ok(FormerIds {
        of_release: kept.as_deref() != Some(schema::NO_FORMER_IDS),
        of_anonymous: first_client.as_deref() == Some(ANONYMOUS),
        of_clients: of_clients(clients, &known.collect::<Result<Vec<_>, Failure>>()?),
    })
}

async fn keep_clients<S: Session>(session: &mut S, clients: &[([u8; 32], Client)]) -> Result<(), Failure> {
    if clients.is_empty() {
        return Ok(());
    }
    let mut script = Script::new(S::DIALECT);
    script.insert_ignore().sql("key_clients (key_hash, client) VALUES ");
    script.rows(clients.iter().map(|(hash, client)| [Value::Bytes(hash), client.as_str().into()]));
    session.run(script).await.map(drop)
}

/// The other ids under which keys of a client were known.
fn of_clients(clients: &[([u8; 32], Client)], known: &[(Vec<u8>, String)]) -> HashMap<Client, Vec<Client>> {
    let mut earlier: HashMap<Client, Vec<Client>> = HashMap::new();
    for (hash, client) in clients {
        let others = known.iter().filter(|(key, id)| key == hash && id != client.as_str());
        for other in others.filter_map(|(_, id)| Client::parse(id.as_str()).ok()) {
            let ids = earlier.entry(client.clone()).or_default();
            if !ids.contains(&other) {
                ids.push(other);
            }
        }
    }
    earlier
}
