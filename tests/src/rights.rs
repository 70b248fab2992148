//! The users of a fleet, a database user and a broker user for each role, with the rights that the files in `deploy` give
//! them and no others.

mod broker;
mod database;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

pub use broker::BrokerUsers;
pub use database::DatabaseUsers;

use crate::fleet::Fleet;

/// Where a file of the repository is.
fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

/// What a file of the repository says.
fn file(file: &str) -> anyhow::Result<String> {
    let path = path(file);
    fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Servers with those users.
#[derive(Debug)]
pub struct Users {
    /// Those of the database.
    pub database: DatabaseUsers,
    /// Those of the broker.
    pub broker: BrokerUsers,
}

impl Users {
    /// Makes the users, a ledger by `tellers migrate`, and then the grants, as operators do.
    ///
    /// # Errors
    /// A server did not start, or refused a part of a file.
    pub async fn make() -> anyhow::Result<Users> {
        let (database, broker) = tokio::try_join!(DatabaseUsers::make(), BrokerUsers::make())?;
        let users = Users { database, broker };
        Fleet::embedded()?.with("DATABASE_URL", &users.database.url("migrate")).run_ok(&["migrate"]).await?;
        users.database.grant().await?;
        Ok(users)
    }

    /// Removes the users from servers that outlive the tests. Nothing that uses them may run any more.
    ///
    /// # Errors
    /// A server refused.
    pub async fn remove(&self) -> anyhow::Result<()> {
        self.database.remove().await?;
        self.broker.remove().await
    }

    /// What replicas and commands of one role are started from.
    pub fn fleet(&self, role: &str) -> anyhow::Result<Fleet> {
        let reads = self.database.url("read");
        Ok(Fleet::new(&self.database.url(role), &self.broker.url(role))?
            .with("DATABASE_READONLY_URL", &reads)
            .with("DATABASE_ANALYTICS_URL", &reads)
            .with("AMQP_MANAGEMENT_URL", &self.broker.management_url()))
    }
}
