//! The database of a fleet, which refuses some jobs.

use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, SqliteConnection};

/// Where it is.
#[derive(Debug)]
pub enum Database {
    /// Its URL.
    MySql(String),
    /// Its file.
    Sqlite(std::path::PathBuf),
}

impl Database {
    async fn run(&self, sql: String) -> anyhow::Result<()> {
        match self {
            Database::MySql(url) => {
                let mut connection = MySqlConnection::connect(url).await?;
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
            }
            Database::Sqlite(path) => {
                let url = format!("sqlite://{}", path.display());
                let mut connection = SqliteConnection::connect(&url).await?;
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
            }
        }
        Ok(())
    }

    /// Jobs with this word in their bodies are refused, for a reason of its own.
    pub async fn refuse(&self, word: &str) -> anyhow::Result<()> {
        let sql = match self {
            Database::MySql(_) => format!(
                "CREATE TRIGGER refuse_{word} BEFORE INSERT ON jobs FOR EACH ROW \
                 IF NEW.outcome <> 'dead' AND NEW.body LIKE '%{word}%' THEN \
                 SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no {word} today'; END IF; \
                 CREATE TRIGGER refuse_{word}_again BEFORE UPDATE ON jobs FOR EACH ROW \
                 IF NEW.outcome <> 'dead' AND NEW.body LIKE '%{word}%' THEN \
                 SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no {word} today'; END IF"
            ),
            Database::Sqlite(_) => format!(
                "CREATE TRIGGER refuse_{word} BEFORE INSERT ON jobs \
                 WHEN NEW.outcome <> 'dead' AND NEW.body LIKE '%{word}%' \
                 BEGIN SELECT RAISE(ABORT, 'no {word} today'); END; \
                 CREATE TRIGGER refuse_{word}_again BEFORE UPDATE ON jobs \
                 WHEN NEW.outcome <> 'dead' AND NEW.body LIKE '%{word}%' \
                 BEGIN SELECT RAISE(ABORT, 'no {word} today'); END"
            ),
        };
        self.run(sql).await
    }

    /// They are taken again.
    pub async fn allow(&self, word: &str) -> anyhow::Result<()> {
        self.run(format!("DROP TRIGGER refuse_{word}; DROP TRIGGER refuse_{word}_again")).await
    }
}
