//! What SQLite's result codes mean: <https://www.sqlite.org/rescode.html>.

use crate::ledger::failure::Failure;

/// What an (extended) result code says about trying again.
pub(in crate::ledger) fn of_code(code: Option<&str>, message: &str) -> Failure {
    let code = code.and_then(|code| code.parse::<u32>().ok()).unwrap_or_default();
    let why = format!("{message} (result code {code} of SQLite)");
    // The low byte is the primary code.
    match (code, code & 0xff) {
        // CONSTRAINT_PRIMARYKEY, CONSTRAINT_UNIQUE
        (1555 | 2067, _) => Failure::Collided(why),
        // BUSY, LOCKED
        (_, 5 | 6) => Failure::LockWait(why),
        // INTERNAL, PERM, ABORT, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB:
        // the machine's fault, never a job's.
        (_, 2 | 3 | 4 | 7 | 8 | 9 | 10 | 11 | 13 | 14 | 26) => Failure::Transient(why),
        _ => Failure::Permanent(why),
    }
}
