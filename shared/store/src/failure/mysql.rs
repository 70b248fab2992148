//! What the server's errors mean, by number. MySQL and MariaDB share the numbers that matter here.
//!
//! <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>,
//! <https://mariadb.com/kb/en/mariadb-error-code-reference/>

mod rights;

use sqlx::mysql::MySqlDatabaseError;

use super::Failure;

/// What an error number says about trying again. Only what is known to be a job's own fault is permanent,
/// for that ends in a dead letter: a number that is new here makes the lane wait and say so, and harms no
/// job that was accepted.
pub(super) fn of_number(number: u16, message: &str) -> Failure {
    let why = format!("{message} (error {number} of the database)");
    match number {
        1213 => Failure::Deadlock(why),
        // The server may have rolled back no more than the statement.
        1205 => Failure::LockWait(why),
        // Duplicate key.
        1062 | 1586 => Failure::DuplicateKey(why),
        // A packet or a row larger than the server takes, or SQL that it finds too complex: halving the batch may mend it. No
        // job alone is so large that a server as it is shipped refuses it.
        1153 | 1118 | 1301 | 1162 | 1064 | 1436 => Failure::Obstructed(why),
        // A value that its column does not take: null, too long, out of range, of the wrong form or characters.
        1048 | 1263 | 1264 | 1265 | 1292 | 1366 | 1367 | 1406 | 1690 | 3854 | 3988
        // A rule of the schema or of a trigger.
        | 1644 | 3819 | 4025 => Failure::Permanent(why),
        // A server that takes no writes: by its options (MySQL, MariaDB), by its mode, as a whole because its files are, or
        // because the transaction was begun when it was so; one that is stopping; and a node of a cluster that has lost the
        // others (Galera). Another server may be behind its address by now.
        1290 | 1836 | 1874 | 1036 | 1792 | 1053 | 1047 => Failure::ReadOnly(why),
        // A right on a table, a column or a routine, or one of the whole server: some jobs need it and others do not.
        1142 | 1143 | 1370 | 1227 => Failure::RightMissing(format!("{} ({why})", rights::lacking(message))),
        // Nobody gets in by this user, with this password or into this database.
        1044 => Failure::ShutOut(format!("{}: {why}", rights::shut_out(true))),
        1045 | 1698 | 3118 | 4151 => Failure::ShutOut(format!("{}: {why}", rights::shut_out(false))),
        1049 => Failure::ShutOut(format!("{}: {why}", rights::NO_DATABASE)),
        // Everything else passes or is the operator's to mend: connections, memory, disks, time-outs, read-only servers,
        // schema changes, missing partitions.
        _ => Failure::Transient(why),
    }
}

/// Whether a statement would make what is there: a table, a column or a key.
pub(crate) fn made_before(error: &sqlx::Error) -> bool {
    matches!(number(error), Some(1050 | 1060 | 1061))
}

/// Whether the server has no variable of a name that was asked for.
pub(crate) fn is_unknown_variable(error: &sqlx::Error) -> bool {
    number(error) == Some(1193)
}

/// Whether a server has no procedure of a name that was called, does not let its user call it, or has no procedures at all;
/// or the user in whose name it works is gone.
pub(crate) fn is_about_a_procedure(error: &sqlx::Error) -> bool {
    matches!(number(error), Some(1305 | 1370 | 1449 | 1235 | 1064 | 8108))
}

/// Whether a server, or a proxy, does not have a statement that was prepared, or prepares none: it knows no such statement,
/// does not take this kind, has as many as `max_prepared_stmt_count` allows, or wants it prepared again and again.
pub(crate) fn is_about_preparing(error: &sqlx::Error) -> bool {
    matches!(number(error), Some(1243 | 1295 | 1461 | 1615))
}

fn number(error: &sqlx::Error) -> Option<u16> {
    let mysql = error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(mysql.number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_what_may_be_tried_again() {
        assert_eq!(of_number(1213, "").reason(), "deadlock");
        assert!(of_number(1213, "").is_retryable() && of_number(1205, "").is_retryable());
        assert!(of_number(1062, "").is_retryable());
        for elsewhere in [1290, 1836, 1792, 1053] {
            assert!(matches!(of_number(elsewhere, ""), Failure::ReadOnly(_)), "{elsewhere}");
        }
        // Disk full, schema changed, no partition, a number of a version to come.
        for passes in [1021, 1412, 1526, 65_535] {
            assert!(matches!(of_number(passes, ""), Failure::Transient(_)), "{passes}");
        }
        for too_large in [1153, 1301, 1436] {
            assert!(matches!(of_number(too_large, ""), Failure::Obstructed(_)), "{too_large}");
        }
        // Whatever the right, no job is at fault.
        for right in [1142, 1143, 1227, 1370] {
            assert!(matches!(of_number(right, ""), Failure::RightMissing(_)), "{right}");
        }
        for shut_out in [1044, 1045, 1049, 1698, 3118, 4151] {
            assert!(matches!(of_number(shut_out, ""), Failure::ShutOut(_)), "{shut_out}");
        }
        for fault in [1406, 1264, 1644, 3819, 4025, 1366] {
            assert!(matches!(of_number(fault, ""), Failure::Permanent(_)), "{fault}");
        }
    }
}
