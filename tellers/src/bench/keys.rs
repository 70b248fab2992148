//! The keys that a load presents, and the clients that hold them.

use std::time::Duration;

use anyhow::Context as _;
use client::Client;
use domain::access::{Accounts, Scopes};
use domain::text::Name;
use store::keys::ApiKeys;
use tellers_http::keys::making::{self, NewKey};
use tellers_http::keys::{Secret, client_of};

use super::children::Children;

/// How soon every replica takes a new key, at the latest.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The keys of a run: each of a client of its own, for all accounts.
pub(crate) struct Keys(Vec<Secret>);

impl Keys {
    /// Makes `count` keys; with none the fleet asks nobody for one.
    pub(crate) async fn make(keys: &dyn ApiKeys, run: &str, count: u32) -> anyhow::Result<Keys> {
        let mut all = Vec::new();
        for number in 0..count {
            all.push(one(keys, &format!("{run}-{number}"), None).await?);
        }
        Ok(Keys(all))
    }

    /// Clients of the ingress of a fleet.
    pub(crate) fn clients_of(&self, fleet: &Children) -> anyhow::Result<Clients> {
        let client = Client::new(&format!("http://{}", fleet.api))?;
        let holders = self.0.iter().map(|key| client.as_holder_of(key.reveal()));
        let holders = holders.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Clients(if holders.is_empty() { vec![client] } else { holders }))
    }
}

/// Makes the key of one client, which may submit so many jobs a second.
pub(crate) async fn one(keys: &dyn ApiKeys, client: &str, rate: Option<u32>) -> anyhow::Result<Secret> {
    let new = NewKey {
        client: client_of(client)?,
        name: Name::parse("bench")?,
        scopes: "submit+read".parse::<Scopes>().context("scopes of a load")?,
        accounts: Accounts::all(),
        rate,
        expires_at: None,
    };
    Ok(making::make(keys, new, "tellers bench").await?.1)
}

/// Waits until the ingress takes a client's key.
pub(crate) async fn taken(client: &Client) -> anyhow::Result<()> {
    let asked = async {
        while let Err(client::Error::Refused(problem)) =
            client.read::<serde_json::Value>("/api/jobs?limit=1").await
        {
            tracing::debug!(%problem, "the key is not known yet");
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    tokio::time::timeout(TAKEN_WITHIN, asked).await.context("the ingress does not take a new key")
}

/// Clients that share connections: one that needs no key, or one for each key.
pub(crate) struct Clients(Vec<Client>);

impl Clients {
    /// Any of them.
    pub(crate) fn any(&self, random: &mut fastrand::Rng) -> anyhow::Result<&Client> {
        self.0.get(random.usize(..self.0.len().max(1))).context("there is no client")
    }
}
