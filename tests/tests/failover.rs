//! The database fails over: its address leads to another server, and connections to the old one live on.

use std::time::{Duration, Instant};

use anyhow::ensure;
use domain::job::Job;
use domain::lane::Lanes;
use domain::outcome::Outcome;
use futures::future::try_join_all;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};
use store::ledger::{Admin as _, Posting as _, Reads as _};
use store::mysql::{MySqlConfig, MySqlLedger};
use tests::ledger_conformance::Jobs;
use tests::relay::Relay;
use tests::servers::MariaDb;
use tests::wait::until;

/// How soon the new server is written to, and read.
const WITHIN: Duration = Duration::from_secs(10);
/// Connections that are open to the old server: a fleet is not to try one after the other.
const CONNECTIONS: usize = 12;

/// Two servers with the same schema, an address that leads to the first, and what goes by it.
struct Moved {
    old: MariaDb,
    new: MariaDb,
    relay: Relay,
    /// As a worker.
    ledger: MySqlLedger,
    /// As an ingress, which writes nothing.
    reader: MySqlLedger,
    jobs: Jobs,
}

impl Moved {
    async fn start() -> anyhow::Result<Moved> {
        let (old, new) = tokio::try_join!(MariaDb::start(), MariaDb::start())?;
        for server in [&old, &new] {
            let ledger = MySqlLedger::connect(&MySqlConfig::new(server.url()))?;
            ledger.migrate(Lanes::DEFAULT).await?;
            // An account that a read-only server takes no writes of.
            at(server, "CREATE USER app@'%' IDENTIFIED BY 'app'; GRANT ALL ON tellers.* TO app@'%'").await?;
            ledger.close().await;
        }
        let relay = Relay::start(&old.url()).await?;
        let url = relay.url(&old.url())?.replace("tellers:tellers@", "app:app@");
        let [ledger, reader] = [(); 2].map(|()| MySqlLedger::connect(&MySqlConfig::new(url.clone())));
        let moved = Moved { old, new, relay, ledger: ledger?, reader: reader?, jobs: Jobs::default() };
        // As many connections as there are postings and reads at once.
        let postings = (0..CONNECTIONS).map(async |number| {
            let opened = moved.open(&format!("before-{number}"));
            let posted = moved.ledger.post(std::slice::from_ref(&opened)).await?;
            ensure!(posted == [Outcome::Posted], "{posted:?}");
            ensure!(moved.reader.job(opened.id).await?.is_some(), "it is not read");
            Ok(())
        });
        try_join_all(postings).await?;
        Ok(moved)
    }

    fn open(&self, account: &str) -> Job {
        self.jobs.job(&format!(r#"{{"kind":"open_account","account":"{account}","currency":"EUR"}}"#))
    }

    /// The address leads to the new server, which soon gets what is posted, and soon is what is read.
    async fn is_followed(&self) -> anyhow::Result<()> {
        self.relay.lead_to(&self.new.url())?;
        let job = self.open("after");
        let is_read = until("the new server is read", WITHIN, async || {
            ensure!(self.reader.job(job.id).await?.is_some(), "the old server is read");
            Ok(())
        });
        let is_written = until("the new server is written to", WITHIN, async || {
            self.ledger.post(std::slice::from_ref(&job)).await?;
            Ok(())
        });
        tokio::time::timeout(WITHIN, async { tokio::try_join!(is_read, is_written) }).await??;
        let new = MySqlLedger::connect(&MySqlConfig::new(self.new.url()))?;
        ensure!(new.job(job.id).await?.is_some(), "it was written elsewhere");
        Ok(())
    }
}

async fn at(server: &MariaDb, sql: &str) -> anyhow::Result<()> {
    let mut connection = MySqlConnection::connect(&server.url()).await?;
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await?;
    connection.close().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_became_read_only_is_left() -> anyhow::Result<()> {
    let moved = Moved::start().await?;
    at(&moved.old, "SET GLOBAL read_only = 1").await?;
    moved.is_followed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_went_silent_is_left() -> anyhow::Result<()> {
    let moved = Moved::start().await?;
    moved.relay.silence();
    moved.is_followed().await
}

/// The server is not replaced: it goes on where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_takes_writes_again_is_written_to_again() -> anyhow::Result<()> {
    let moved = Moved::start().await?;
    at(&moved.old, "SET GLOBAL read_only = 1").await?;
    let job = moved.open("meanwhile");
    let refused = moved.ledger.post(std::slice::from_ref(&job)).await;
    ensure!(refused.is_err(), "{refused:?}");
    at(&moved.old, "SET GLOBAL read_only = 0").await?;
    let posted = moved.ledger.post(std::slice::from_ref(&job)).await?;
    ensure!(posted == [Outcome::Posted], "{posted:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_well_keeps_its_connections() -> anyhow::Result<()> {
    /// Long enough for a server to be asked how it is, by every pool, more than once.
    const LOOKED_AT: Duration = Duration::from_secs(4);
    let moved = Moved::start().await?;
    let mut watch = MySqlConnection::connect(&moved.old.url()).await?;
    let mut made = async || {
        let row = watch.fetch_one(sqlx::raw_sql("SHOW GLOBAL STATUS LIKE 'Connections'")).await?;
        let count: i64 = sqlx::Row::try_get::<&str, _>(&row, 1)?.parse()?;
        anyhow::Ok(count)
    };
    let (before, began) = (made().await?, Instant::now());
    let mut number = 0;
    while began.elapsed() < LOOKED_AT {
        number += 1;
        let job = moved.open(&format!("well-{number}"));
        moved.ledger.post(std::slice::from_ref(&job)).await?;
        ensure!(moved.reader.job(job.id).await?.is_some());
    }
    let more = made().await? - before;
    ensure!(more <= 2, "{more} connections were made anew");
    Ok(())
}

/// Servers close what lies idle: that is no failure, and costs no posting.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_closed_are_replaced_unseen() -> anyhow::Result<()> {
    let moved = Moved::start().await?;
    let mut watch = MySqlConnection::connect(&moved.old.url()).await?;
    let own = "SELECT id FROM information_schema.processlist WHERE user = 'app'";
    for row in watch.fetch_all(sqlx::raw_sql(own)).await? {
        let kill = format!("KILL {}", sqlx::Row::try_get_unchecked::<u64, _>(&row, 0)?);
        // Some may have gone by themselves.
        drop(watch.execute(sqlx::raw_sql(AssertSqlSafe(kill))).await);
    }
    let began = Instant::now();
    // An idle connection is trusted for a second.
    until("what is idle is tried", WITHIN, async || {
        ensure!(began.elapsed() > Duration::from_secs(1));
        Ok(())
    })
    .await?;
    let job = moved.open("after");
    let posted = moved.ledger.post(std::slice::from_ref(&job)).await?;
    ensure!(posted == [Outcome::Posted], "{posted:?}");
    ensure!(moved.reader.job(job.id).await?.is_some());
    Ok(())
}
