//! What the server's errors mean, by number. MySQL and MariaDB share the numbers that matter here.
//!
//! <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>,
//! <https://mariadb.com/kb/en/mariadb-error-code-reference/>

use crate::ledger::failure::Failure;

/// What an error number says about trying again. Whatever is not known is taken to be the batch's fault.
pub(in crate::ledger) fn of_number(number: u16, message: &str) -> Failure {
    let why = format!("{message} (error {number} of the database)");
    match number {
        // Deadlock, lock wait time-out. The server may have rolled back no more than the statement.
        1213 | 1205 => Failure::Contended(why),
        // Duplicate key.
        1062 | 1586 => Failure::Collided(why),
        // Too many connections, of the server or of the user; out of memory or threads.
        1040 | 1203 | 1226 | 1037 | 1038 | 1041 | 1135
        // Shutting down, connection killed or lost, host blocked, packets lost.
        | 1053 | 1077 | 1079 | 1129 | 1152..=1161 | 1184 | 1317 | 1927 | 2002..=2006 | 2013 | 2055 | 4031
        // Read-only, in whole or for this user.
        | 1290 | 1792 | 1836 | 3100 | 3101
        // The disk is full or does not answer.
        | 1020 | 1021 | 1026 | 1030 | 1114
        // Another statement's time-out, another schema change.
        | 1028 | 1412 | 1969 | 3024
        // Not let in, or not the database that was asked for: the operator's to mend, and no job's fault.
        | 1044 | 1045 | 1049 | 1130 | 1142 | 1143 | 1146 | 1227 | 1698 => Failure::Transient(why),
        _ => Failure::Permanent(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_what_may_be_tried_again() {
        assert!(of_number(1213, "").is_overtaken());
        assert!(of_number(1062, "").is_overtaken());
        assert!(matches!(of_number(1053, ""), Failure::Transient(_)));
        for fault in [1406, 1264, 1644, 3819, 4025, 1366] {
            assert!(matches!(of_number(fault, ""), Failure::Permanent(_)), "{fault}");
        }
    }
}
