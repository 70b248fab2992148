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
use store::sqlite::SqliteLedger;

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

impl Subject {
    /// An empty ledger on the server that the tests share.
    ///
    /// # Errors
    /// There is no server, and what to install.
    pub async fn mysql() -> anyhow::Result<Subject> {
        let url = crate::servers::fresh_database().await?;
        let subject = Subject { ledger: Arc::new(mysql(&url)?), place: Place::MySql(url), clock: clock() };
        subject.ledger.migrate(Lanes::DEFAULT).await?;
        Ok(subject)
    }

    /// An empty ledger in a file of its own.
    ///
    /// # Errors
    /// The folder could not be made.
    pub async fn sqlite() -> anyhow::Result<Subject> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("books/ledger.db");
        let subject = Subject {
            ledger: Arc::new(SqliteLedger::open(&path)?),
            place: Place::Sqlite(path, folder),
            clock: clock(),
        };
        subject.ledger.migrate(Lanes::DEFAULT).await?;
        Ok(subject)
    }

    /// The same ledger as another process opens it.
    ///
    /// # Errors
    /// They cannot be opened.
    pub fn again(&self) -> anyhow::Result<Arc<dyn Ledger>> {
        Ok(match &self.place {
            Place::MySql(url) => Arc::new(mysql(url)?),
            Place::Sqlite(path, _) => Arc::new(SqliteLedger::open(path)?),
        })
    }

    /// The analyses beside the ledger.
    ///
    /// # Errors
    /// They cannot be opened.
    pub fn analyses(&self) -> anyhow::Result<Arc<dyn Analyses>> {
        Ok(match &self.place {
            Place::MySql(url) => Arc::new(mysql(url)?),
            Place::Sqlite(path, _) => Arc::new(SqliteLedger::open(path)?),
        })
    }

    /// The records beside the ledger.
    ///
    /// # Errors
    /// They cannot be opened.
    pub fn records(&self) -> anyhow::Result<Arc<dyn Records>> {
        Ok(match &self.place {
            Place::MySql(url) => Arc::new(mysql(url)?),
            Place::Sqlite(path, _) => Arc::new(SqliteLedger::open(path)?),
        })
    }

    /// The prefetches of the lanes beside the ledger.
    ///
    /// # Errors
    /// They cannot be opened.
    pub fn prefetches(&self) -> anyhow::Result<Arc<dyn Prefetches>> {
        Ok(match &self.place {
            Place::MySql(url) => Arc::new(mysql(url)?),
            Place::Sqlite(path, _) => Arc::new(SqliteLedger::open(path)?),
        })
    }

    /// The imports beside the ledger.
    ///
    /// # Errors
    /// They cannot be opened.
    pub fn imports(&self) -> anyhow::Result<Arc<dyn Imports>> {
        Ok(match &self.place {
            Place::MySql(url) => Arc::new(mysql(url)?),
            Place::Sqlite(path, _) => Arc::new(SqliteLedger::open(path)?),
        })
    }

    /// Another, empty database without a schema.
    ///
    /// # Errors
    /// It cannot be made.
    pub async fn empty(&self) -> anyhow::Result<Subject> {
        Ok(match &self.place {
            Place::MySql(_) => {
                let url = crate::servers::fresh_database().await?;
                Subject { ledger: Arc::new(mysql(&url)?), place: Place::MySql(url), clock: clock() }
            }
            Place::Sqlite(..) => {
                let folder = tempfile::tempdir()?;
                let path = folder.path().join("ledger.db");
                Subject {
                    ledger: Arc::new(SqliteLedger::open(&path)?),
                    place: Place::Sqlite(path, folder),
                    clock: clock(),
                }
            }
        })
    }

    /// Does something to the database behind the ledger's back.
    ///
    /// # Errors
    /// The database refused.
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
    ///
    /// # Errors
    /// It is another one.
    pub fn url(&self) -> anyhow::Result<&str> {
        match &self.place {
            Place::MySql(url) => Ok(url),
            Place::Sqlite(..) => anyhow::bail!("SQLite is in a file"),
        }
    }

    /// A number that the database holds, asked behind the ledger's back. MySQL and MariaDB only.
    ///
    /// # Errors
    /// The database refused.
    pub async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        let Place::MySql(url) = &self.place else { anyhow::bail!("{sql}: not on this database") };
        let mut connection = MySqlConnection::connect(url).await?;
        Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await?)
    }

    /// Makes the database refuse to write a job whose body has `word` in it, dead ones excepted.
    ///
    /// # Errors
    /// The database refused that.
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
    ///
    /// # Errors
    /// The ledger's.
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
    ///
    /// # Errors
    /// It is not.
    pub async fn account(&self, number: &str) -> anyhow::Result<Account> {
        self.ledger.account(&number_of(number)?).await?.with_context(|| format!("no account {number}"))
    }

    /// Balance and held funds of an account that must be there.
    ///
    /// # Errors
    /// It is not.
    pub async fn funds(&self, number: &str) -> anyhow::Result<(i64, i64)> {
        let account = self.account(number).await?;
        Ok((account.balance, account.held))
    }

    /// Audits the ledger, which must be right.
    ///
    /// # Errors
    /// They are not; says how.
    pub async fn books_are_right(&self) -> anyhow::Result<()> {
        let audit = self.ledger.audit().await?;
        anyhow::ensure!(audit.is_clean(), "the books are wrong: {:#?}", audit.findings);
        Ok(())
    }
}

/// An account's number as the ledger has it: the system's own too.
///
/// # Errors
/// It is none.
pub fn number_of(number: &str) -> anyhow::Result<AccountNumber> {
    AccountNumber::from_books(number).with_context(|| format!("{number} is no account number"))
}

fn mysql(url: &str) -> anyhow::Result<MySqlLedger> {
    Ok(MySqlLedger::connect(&MySqlConfig::new(url))?)
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
    #[must_use]
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
#[must_use]
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
    }
}

/// The body of a job that opens an account in EUR.
#[must_use]
pub fn open(account: &str) -> String {
    format!(r#"{{"kind":"open_account","account":"{account}","currency":"EUR"}}"#)
}

/// The body of a deposit.
#[must_use]
pub fn deposit(account: &str, amount: i64) -> String {
    format!(r#"{{"kind":"deposit","account":"{account}","amount":{amount},"currency":"EUR"}}"#)
}

/// The body of a transfer.
#[must_use]
pub fn transfer(from: &str, to: &str, amount: i64) -> String {
    format!(r#"{{"kind":"transfer","from":"{from}","to":"{to}","amount":{amount},"currency":"EUR"}}"#)
}
