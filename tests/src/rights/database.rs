//! The users of the database.

use anyhow::{Context as _, ensure};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use super::file;
use crate::servers::{MariaDb, fresh_database};

/// What each user is called, after the prefix.
const ROLES: [&str; 5] = ["migrate", "api", "worker", "monitor", "read"];
const PASSWORD: &str = "of-one-test-only";

/// A database with a user for each role.
#[derive(Debug)]
pub struct DatabaseUsers {
    /// By an account that may do anything.
    admin: String,
    /// Of the schema, and the beginning of the names of the users.
    name: String,
    /// `None`: it is shared with other tests.
    server: Option<MariaDb>,
}

impl DatabaseUsers {
    /// Runs `deploy/mysql/users.sql` on a private server, or, under names of this test's own, on that of
    /// `TEST_DATABASE_URL`, and opens the accounts.
    pub(super) async fn make() -> anyhow::Result<DatabaseUsers> {
        let (admin, server) = match std::env::var("TEST_DATABASE_URL") {
            Ok(_) => (fresh_database().await?, None),
            Err(_) => {
                let server = MariaDb::start().await?;
                (server.url(), Some(server))
            }
        };
        let (_, name) = admin.rsplit_once('/').context("no database in the URL")?;
        let users = DatabaseUsers { name: name.to_owned(), admin, server };
        for role in ROLES {
            // An earlier process with this id may have left one on a server that outlives the tests.
            users.as_admin(&format!("DROP USER IF EXISTS {}", users.account(role))).await?;
        }
        users.apply("deploy/mysql/users.sql").await?;
        for role in ROLES {
            let open =
                format!("ALTER USER {} IDENTIFIED BY '{PASSWORD}' ACCOUNT UNLOCK", users.account(role));
            users.as_admin(&open).await?;
        }
        Ok(users)
    }

    /// Runs `deploy/mysql/grants.sql`.
    ///
    /// # Errors
    /// The server refused a statement, which the message has.
    pub async fn grant(&self) -> anyhow::Result<()> {
        self.apply("deploy/mysql/grants.sql").await
    }

    /// Removes what was made on a server that outlives the tests.
    pub(super) async fn remove(&self) -> anyhow::Result<()> {
        if self.server.is_none() {
            for role in ROLES {
                self.as_admin(&format!("DROP USER {}", self.account(role))).await?;
            }
        }
        Ok(())
    }

    /// The URL for the user of a role.
    pub fn url(&self, role: &str) -> String {
        let server = self.admin.split_once('@').map_or("", |(_, server)| server);
        format!("mysql://{}_{role}:{PASSWORD}@{server}", self.name)
    }

    /// The account of a role, as SQL has it.
    pub fn account(&self, role: &str) -> String {
        format!("'{}_{role}'@'%'", self.name)
    }

    /// Runs a statement with all rights.
    ///
    /// # Errors
    /// The server refused it.
    pub async fn as_admin(&self, sql: &str) -> anyhow::Result<()> {
        run(&self.admin, sql).await.map(drop).with_context(|| sql.to_owned())
    }

    /// The first column of what a query with all rights gives, as texts.
    ///
    /// # Errors
    /// The server refused it.
    pub async fn texts(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        let mut connection = MySqlConnection::connect(&self.admin).await?;
        let found = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await?;
        connection.close().await?;
        Ok(found)
    }

    /// Fails unless the server refuses the statement to the user of a role, for want of a right.
    ///
    /// # Errors
    /// It does not, or for another reason.
    pub async fn refuses(&self, role: &str, sql: &str) -> anyhow::Result<()> {
        let Err(refused) = run(&self.url(role), sql).await else {
            anyhow::bail!("{role} may do this: {sql}");
        };
        let words = refused.to_string();
        ensure!(words.contains("denied"), "{role}, {sql}: refused for another reason: {words}");
        Ok(())
    }

    async fn apply(&self, path: &str) -> anyhow::Result<()> {
        let text = file(path)?
            .replace("IF NOT EXISTS tellers;", &format!("IF NOT EXISTS {};", self.name))
            .replace(" tellers.", &format!(" {}.", self.name))
            .replace("'tellers_", &format!("'{}_", self.name));
        let lines = text.lines().filter(|line| !line.starts_with("--"));
        for statement in lines.collect::<Vec<_>>().join("\n").split(';') {
            if !statement.trim().is_empty() {
                self.as_admin(statement).await.with_context(|| format!("of {path}"))?;
            }
        }
        Ok(())
    }
}

async fn run(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = MySqlConnection::connect(url).await?;
    let ran = connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await;
    connection.close().await?;
    ran.map(drop)
}
