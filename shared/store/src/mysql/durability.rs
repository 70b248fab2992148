//! What the server's settings say about a commit: whether it is on the disk when it is answered.
//!
//! <https://dev.mysql.com/doc/refman/9.7/en/innodb-parameters.html>,
//! <https://mariadb.com/kb/en/innodb-system-variables/>

use std::collections::HashMap;
use std::sync::Arc;

use crate::failure::Failure;
use crate::ledger::durability::{Durability, LatestLook, Weakness};
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script};
use crate::sql::session::run;

/// A server that lacks one of these, such as one that only speaks the protocol, is asked for nothing by it.
const ASK: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'innodb_flush_log_at_trx_commit', \
     'log_bin', 'sync_binlog', 'innodb_doublewrite', 'innodb_flush_method'); \
     SHOW GLOBAL STATUS LIKE 'Innodb_redo_log_enabled'";

/// Looks at the durability of a server, and notes what it finds.
#[derive(Debug, Clone)]
pub(super) struct Looking {
    latest: LatestLook,
    is_weak_allowed: bool,
}

impl Looking {
    pub(super) fn new(is_weak_allowed: bool) -> Looking {
        Looking { latest: LatestLook::default(), is_weak_allowed }
    }

    /// Looks at the server at the other end of a connection.
    pub(super) async fn look(&self, connection: &mut sqlx::MySqlConnection) -> Result<(), Failure> {
        let weaknesses = ask(connection).await?;
        self.latest.note(Durability { weaknesses, is_weak_allowed: self.is_weak_allowed });
        Ok(())
    }

    /// What was found last; `None`: nobody has looked yet.
    pub(super) fn latest(&self) -> Option<Arc<Durability>> {
        self.latest.get()
    }
}

/// Asks the server at the other end of a connection.
pub(super) async fn ask(connection: &mut sqlx::MySqlConnection) -> Result<Vec<Weakness>, Failure> {
    let mut script = Script::new(Dialect::MySql);
    script.sql(ASK);
    let mut told = HashMap::new();
    for row in run(connection, script.into_text()).await?.iter().flatten() {
        told.insert(row.text(0)?.to_ascii_lowercase(), row.text(1)?.to_owned());
    }
    Ok(weaknesses(&told))
}

fn weaknesses(told: &HashMap<String, String>) -> Vec<Weakness> {
    let told = |setting: &str| told.get(setting).map(String::as_str);
    let is_mariadb = told("version").is_some_and(|version| version.contains("MariaDB"));
    let is_weak = |setting: &str, value: &str| match setting {
        // MariaDB's 3 writes and syncs at each commit too.
        "innodb_flush_log_at_trx_commit" => value != "1" && !(is_mariadb && value == "3"),
        // After a crash the server rolls back what its binary log lacks.
        "sync_binlog" => value != "1" && told("log_bin") == Some("ON"),
        // A page that was half written cannot be mended: all of its rows are lost.
        "innodb_doublewrite" => matches!(value, "OFF" | "DETECT_ONLY"),
        "innodb_flush_method" => value.eq_ignore_ascii_case("nosync"),
        _ => value == "OFF",
    };
    [
        ("innodb_flush_log_at_trx_commit", "1"),
        ("sync_binlog", "1"),
        ("innodb_doublewrite", "ON"),
        ("innodb_flush_method", "O_DIRECT"),
        ("innodb_redo_log_enabled", "ON"),
    ]
    .into_iter()
    .filter_map(|(setting, must_be)| {
        let value = told(setting).filter(|value| is_weak(setting, value))?.to_owned();
        let is_as_shipped = is_mariadb && (setting, value.as_str()) == ("sync_binlog", "0");
        Some(Weakness { setting: setting.to_owned(), value, must_be, is_as_shipped })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weak(told: &[(&str, &str)]) -> Vec<String> {
        let told = told.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        weaknesses(&told).into_iter().map(|weak| format!("{}={}", weak.setting, weak.value)).collect()
    }

    #[test]
    fn what_a_power_cut_may_cost_is_weak() {
        let as_shipped = [
            ("version", "10.11.14-MariaDB-0+deb12u2"),
            ("innodb_flush_log_at_trx_commit", "1"),
            ("log_bin", "OFF"),
            ("sync_binlog", "0"),
            ("innodb_doublewrite", "ON"),
            ("innodb_flush_method", "O_DIRECT"),
        ];
        assert_eq!(weak(&as_shipped), [""; 0], "without a binary log nobody waits for it");
        let with = |setting: &'static str, value: &'static str| {
            let kept = as_shipped.into_iter().filter(|(name, _)| *name != setting);
            weak(&kept.chain([(setting, value)]).collect::<Vec<_>>())
        };
        assert_eq!(with("log_bin", "ON"), ["sync_binlog=0"]);
        let shipped = |told: &[(&str, &str)]| {
            let told = told.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            weaknesses(&told).iter().all(|weak| weak.is_as_shipped)
        };
        let binlog = [("log_bin", "ON"), ("sync_binlog", "0")];
        assert!(shipped(&[as_shipped[0], binlog[0], binlog[1]]), "MariaDB's own");
        assert!(!shipped(&[("version", "9.7.0"), binlog[0], binlog[1]]), "somebody set it");
        for value in ["0", "2"] {
            let found = with("innodb_flush_log_at_trx_commit", value);
            assert_eq!(found, [format!("innodb_flush_log_at_trx_commit={value}")]);
        }
        assert_eq!(with("innodb_flush_log_at_trx_commit", "3"), [""; 0], "MariaDB syncs there too");
        assert_eq!(with("innodb_doublewrite", "OFF"), ["innodb_doublewrite=OFF"]);
        assert_eq!(with("innodb_doublewrite", "DETECT_ONLY"), ["innodb_doublewrite=DETECT_ONLY"]);
        assert_eq!(with("innodb_flush_method", "nosync"), ["innodb_flush_method=nosync"]);
        let mysql = [("version", "9.7.0"), ("log_bin", "ON"), ("sync_binlog", "100")];
        assert_eq!(weak(&mysql), ["sync_binlog=100"]);
        assert_eq!(weak(&[("innodb_redo_log_enabled", "OFF")]), ["innodb_redo_log_enabled=OFF"]);
        assert_eq!(weak(&[]), [""; 0], "what a server does not have it cannot have wrong");
    }
}
