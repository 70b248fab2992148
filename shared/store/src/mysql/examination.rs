//! What a server of the database is, for whoever asks whether a fleet can work with it.

use std::time::Duration;

use runtime::clock;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, MySqlConnection};
use tokio::time::timeout;

use super::address;
use super::durability;
use crate::error::StoreError;
use crate::failure::Failure;
use crate::ledger::durability::Weakness;
use crate::sql::rows::Cells as _;
use crate::sql::session::run;

/// How long the server may take to let somebody in, and to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

const ASK: &str = "SELECT VERSION(), CURRENT_USER(), DATABASE(), CAST(@@global.read_only AS CHAR), \
     CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)";
const CIPHER: &str = "SHOW SESSION STATUS LIKE 'Ssl_cipher'";
const GRANTS: &str = "SHOW GRANTS";

/// A server, by one connection to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// Where it is.
    pub address: String,
    /// Its version, as it says it.
    pub version: String,
    /// The account that the user of the URL is known as.
    pub user: String,
    /// What the connection is encrypted with; `None`: with nothing.
    pub cipher: Option<String>,
    /// Whether it takes no writes.
    pub is_read_only: bool,
    /// How far its clock is ahead of this machine's, in microseconds, give or take the time of its answer.
    pub clock_ahead_us: i64,
    /// Whether the user may change or remove entries, which nobody should.
    pub may_change_entries: bool,
    /// Settings by which it may forget what it has committed.
    pub weaknesses: Vec<Weakness>,
}

impl Examination {
    /// Whether it is of a release that the fleet is made for: MySQL 8.4 and later, MariaDB 10.11 and later.
    pub fn is_supported(&self) -> bool {
        let number = |part: Option<&str>| part.and_then(|part| part.parse::<u32>().ok()).unwrap_or_default();
        let mut parts = self.version.split(['.', '-']);
        let release = (number(parts.next()), number(parts.next()));
        if self.version.contains("MariaDB") { release >= (10, 11) } else { release >= (8, 4) }
    }
}

/// Asks the server of the URL that `setting` holds.
///
/// # Errors
/// It cannot be reached, lets nobody in by the URL, or does not answer.
pub async fn examine(setting: &'static str, url: &str) -> Result<Examination, StoreError> {
    let (options, address) = address::read(setting, url)?;
    let answer = timeout(ANSWER_TIMEOUT, ask(options.disable_statement_logging())).await;
    let silent = |_| Failure::Transient(format!("it does not answer within {ANSWER_TIMEOUT:?}"));
    let answer = answer.map_err(silent).flatten().map_err(|failure| address.named_in(failure))?;
    Ok(Examination { address: address.to_string(), ..answer })
}

async fn ask(options: MySqlConnectOptions) -> Result<Examination, Failure> {
    let mut connection = options.connect().await?;
    let asked_us = clock::now_us();
    let answered = run(&mut connection, ASK.to_owned()).await?;
    let here_us = i64::midpoint(asked_us, clock::now_us());
    let missing = || Failure::Transient("the server answered nothing".to_owned());
    let row = answered.first().and_then(|rows| rows.first()).ok_or_else(missing)?;
    let database = row.text_or_null(2)?.unwrap_or_default();
    let cipher = run(&mut connection, CIPHER.to_owned()).await?;
    let cipher = cipher.first().and_then(|rows| rows.first()).map(|row| row.text(1)).transpose()?;
    let grants = grants(&mut connection).await?;
    let examination = Examination {
        address: String::new(),
        version: row.text(0)?.to_owned(),
        user: row.text(1)?.to_owned(),
        cipher: cipher.filter(|cipher| !cipher.is_empty()).map(str::to_owned),
        is_read_only: !matches!(row.text(3)?, "0" | "OFF"),
        clock_ahead_us: row.int(4)? - here_us,
        may_change_entries: grants.iter().any(|grant| may_change_entries(grant, database)),
        weaknesses: durability::ask(&mut connection).await?,
    };
    // It has answered; how it ends is its own affair.
    let _ = connection.close().await;
    Ok(examination)
}

async fn grants(connection: &mut MySqlConnection) -> Result<Vec<String>, Failure> {
    let granted = run(connection, GRANTS.to_owned()).await?;
    granted.iter().flatten().map(|row| row.text(0).map(str::to_owned)).collect()
}

/// Whether a grant is of a right that changes or removes rows of `entries`.
fn may_change_entries(grant: &str, database: &str) -> bool {
    let Some((rights, object)) = grant.strip_prefix("GRANT ").and_then(|grant| grant.split_once(" ON "))
    else {
        return false;
    };
    let object = object.split(" TO ").next().unwrap_or_default().replace(['`', '\\'], "");
    let is_over_entries =
        ["*.*".to_owned(), format!("{database}.*"), format!("{database}.entries")].contains(&object);
    let is_of_change = |right: &str| matches!(right.trim(), "ALL PRIVILEGES" | "UPDATE" | "DELETE" | "DROP");
    is_over_entries && rights.split(',').any(is_of_change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_who_may_change_entries_is_known_by_what_was_granted() {
        for grant in [
            "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON `tellers`.* TO `u`@`%`",
            "GRANT SELECT, DROP ON `tellers`.`entries` TO `u`@`%`",
        ] {
            assert!(may_change_entries(grant, "tellers"), "{grant}");
        }
        for grant in [
            "GRANT USAGE ON *.* TO `u`@`%`",
            "GRANT SELECT, INSERT ON `tellers`.`entries` TO `u`@`%`",
            "GRANT SELECT, UPDATE (`balance`), DELETE ON `tellers`.`holds` TO `u`@`%`",
            "GRANT ALL PRIVILEGES ON `other`.* TO `u`@`%`",
        ] {
            assert!(!may_change_entries(grant, "tellers"), "{grant}");
        }
    }

    #[test]
    fn a_release_is_supported_or_not() {
        let of = |version: &str| Examination {
            address: String::new(),
            version: version.to_owned(),
            user: String::new(),
            cipher: None,
            is_read_only: false,
            clock_ahead_us: 0,
            may_change_entries: false,
            weaknesses: Vec::new(),
        };
        for version in ["8.4.0", "9.7.1-log", "10.11.14-MariaDB-0+deb12u2", "11.4.2-MariaDB"] {
            assert!(of(version).is_supported(), "{version}");
        }
        for version in ["8.0.36", "5.7.44-log", "10.6.18-MariaDB", "strange"] {
            assert!(!of(version).is_supported(), "{version}");
        }
    }
}
