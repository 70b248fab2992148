//! What the tests stand on: a ledger, a way around it, and jobs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Context as _;
use contract::submission;
use domain::account::{Account, AccountNumber};
use domain::fingerprint::Fingerprint;
use domain::id::JobId;
use domain::job::Job;
use domain::lane::{Lane, Lanes};
use domain::outcome::Outcome;
use domain::text::Client;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, SqliteConnection};
use store::analyses::Analyses;
use store::imports::Imports;
use store::ledger::Ledger;
use store::mysql::{MySqlConfig, MySqlLedger};
use store::prefetches::Prefetches;
use store::records::Records;
use store::schedules::Schedules;
use store::sqlite::SqliteLedger;
use store::standing_orders::StandingOrders;
use store::webhooks::Webhooks;

/// The ledger under test and where its database is.
pub struct Subject {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    place: Place,
    clock: AtomicI64,
}

enum Place {
    MySql(String),
    Sqlite(PathBuf, #[allow(dead_code)] tempfile::TempDir),
}

/// All that is in a ledger's database.
pub trait Database:
    Ledger + Analyses + Imports + Prefetches + Records + Schedules + StandingOrders + Webhooks
{
}

impl<D: Ledger + Analyses + Imports + Prefetches + Records + Schedules + StandingOrders + Webhooks> Database
    for D
{
}

impl Place {
    /// A new database on the server that the tests share.
    async fn mysql() -> anyhow::Result<Place> {
        Ok(Place::MySql(crate::servers::fresh_database().await?))
    }

    /// A file that is not there yet, in a folder of its own.
    fn sqlite() -> anyhow::Result<Place> {
        let folder = tempfile::tempdir()?;
        Ok(Place::Sqlite(folder.path().join("books/ledger.db"), folder))
    }

    fn open(&self) -> anyhow::Result<Arc<dyn Database>> {
        Ok(match self {
            Place::MySql(url) => Arc::new(MySqlLedger::connect(&MySqlConfig::new(url))?),
            Place::Sqlite(path, _) => Arc::new(SqliteLedger::open(path)?),
        })
    }
}

impl Subject {
    /// An empty ledger on the server that the tests share.
    ///
    /// # Errors
    /// There is no server, and what to install.
    pub async fn mysql() -> anyhow::Result<Subject> {
        Subject::migrated(Place::mysql().await?).await
    }

    /// An empty ledger in a file of its own.
    pub async fn sqlite() -> anyhow::Result<Subject> {
        Subject::migrated(Place::sqlite()?).await
    }

    async fn migrated(place: Place) -> anyhow::Result<Subject> {
        let subject = Subject::at(place)?;
        subject.ledger.migrate(Lanes::DEFAULT).await?;
        Ok(subject)
    }

    fn at(place: Place) -> anyhow::Result<Subject> {
        Ok(Subject { ledger: place.open()?, place, clock: clock() })
    }

    /// The same database as another process opens it.
    pub fn again(&self) -> anyhow::Result<Arc<dyn Database>> {
        self.place.open()
    }

    /// Another, empty database without a schema.
    pub async fn empty(&self) -> anyhow::Result<Subject> {
        Subject::at(match &self.place {
            Place::MySql(_) => Place::mysql().await?,
            Place::Sqlite(..) => Place::sqlite()?,
        })
    }

    /// Does something to the database behind the ledger's back.
    pub async fn behind_its_back(&self, sql: &str) -> anyhow::Result<u64> {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        Ok(match &self.place {
            Place::MySql(url) => {
                statement.execute(&mut MySqlConnection::connect(url).await?).await?.rows_affected()
            }
            Place::Sqlite(path, _) => {
                let url = format!("sqlite://{}", path.display());
                statement.execute(&mut SqliteConnection::connect(&url).await?).await?.rows_affected()
            }
        })
    }

    /// Where the database is. MySQL and MariaDB only.
    pub fn url(&self) -> anyhow::Result<&str> {
        match &self.place {
            Place::MySql(url) => Ok(url),
            Place::Sqlite(..) => anyhow::bail!("SQLite is in a file"),
        }
    }

    /// A number that the database holds, asked behind the ledger's back. MySQL and MariaDB only.
    pub async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        let Place::MySql(url) = &self.place else { anyhow::bail!("{sql}: not on this database") };
        let mut connection = MySqlConnection::connect(url).await?;
        Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await?)
    }

    /// Makes the database refuse to write a job whose body has `word` in it, dead ones excepted.
    pub async fn refuse(&self, word: &str) -> anyhow::Result<()> {
        let sql = match &self.place {
            Place::MySql(_) => format!(
                "CREATE TRIGGER poison BEFORE INSERT ON jobs FOR EACH ROW \
                 IF NEW.outcome <> 'dead' AND NEW.body LIKE '%{word}%' THEN \
                 SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'poison'; END IF"
            ),
            Place::Sqlite(..) => format!(
                "CREATE TRIGGER poison BEFORE INSERT ON jobs \
                 WHEN NEW.outcome <> 'dead' AND NEW.body LIKE '%{word}%' \
                 BEGIN SELECT RAISE(ABORT, 'poison'); END"
            ),
        };
        self.behind_its_back(&sql).await.map(drop)
    }

    /// Posts jobs of one lane as if its ingress had just accepted them.
    pub async fn post(&self, lane: u16, jobs: &[Job]) -> anyhow::Result<Vec<Outcome>> {
        let mut jobs = jobs.to_vec();
        for job in &mut jobs {
            job.accepted_at = self.clock.fetch_add(1, Ordering::Relaxed);
            job.ingress = format!("ingress-{lane}");
            job.lane = Lane(lane);
        }
        Ok(self.ledger.post(&jobs).await?)
    }

    /// An account that must be there.
    pub async fn account(&self, number: &str) -> anyhow::Result<Account> {
        self.ledger.account(&number_of(number)?).await?.with_context(|| format!("no account {number}"))
    }

    /// Balance and held funds of an account that must be there.
    pub async fn funds(&self, number: &str) -> anyhow::Result<(i64, i64)> {
        let account = self.account(number).await?;
        Ok((account.balance, account.held))
    }

    /// Audits the ledger, which must be right.
    pub async fn books_are_right(&self) -> anyhow::Result<()> {
        let audit = self.ledger.audit().await?;
        anyhow::ensure!(audit.is_clean(), "the books are wrong: {:#?}", audit.findings);
        Ok(())
    }
}

/// An account's number as the ledger has it: the system's own too.
pub fn number_of(number: &str) -> anyhow::Result<AccountNumber> {
    AccountNumber::from_books(number).with_context(|| format!("{number} is no account number"))
}

/// Makes jobs with ids of their own, each accepted a microsecond after the one before.
#[derive(Debug)]
pub struct Jobs(AtomicI64);

impl Default for Jobs {
    fn default() -> Jobs {
        Jobs(clock())
    }
}

/// A day in January 2027, in microseconds.
fn clock() -> AtomicI64 {
    AtomicI64::new(1_800_000_000_000_000)
}

impl Jobs {
    /// A job with this body.
    ///
    /// # Panics
    /// The body is no job's.
    pub fn job(&self, body: &str) -> Job {
        let place = self.0.fetch_add(1, Ordering::Relaxed);
        let chance = place.to_be_bytes();
        let chance = [chance[2], chance[3], chance[4], chance[5], chance[6], chance[7]];
        job(JobId::from_chance(place.unsigned_abs() / 1_000, chance), place, body)
    }
}

/// The job with this id and body.
///
/// # Panics
/// The body is no job's.
#[allow(clippy::unwrap_used)] // A test's own mistake.
pub fn job(id: JobId, accepted_at: i64, body: &str) -> Job {
    let spec = submission::parse(body.as_bytes()).unwrap();
    let body = submission::canonical(&spec);
    let fingerprint = Fingerprint::of(&body);
    let client = Client::parse("acme").unwrap();
    Job {
        id,
        client,
        lane: Lane(0),
        ingress: "api-1".to_owned(),
        accepted_at,
        fingerprint,
        body,
        spec,
        origin: None,
        former: Vec::new(),
        grant: None,
    }
}

/// The body of a job that opens an account in EUR.
pub fn open(account: &str) -> String {
    format!(r#"{{"kind":"open_account","account":"{account}","currency":"EUR"}}"#)
}

/// The body of a deposit.
pub fn deposit(account: &str, amount: i64) -> String {
    format!(r#"{{"kind":"deposit","account":"{account}","amount":{amount},"currency":"EUR"}}"#)
}

/// The body of a transfer.
pub fn transfer(from: &str, to: &str, amount: i64) -> String {
    format!(r#"{{"kind":"transfer","from":"{from}","to":"{to}","amount":{amount},"currency":"EUR"}}"#)
}
