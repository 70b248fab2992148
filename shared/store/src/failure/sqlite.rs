//! What SQLite's result codes mean: <https://www.sqlite.org/rescode.html>.

use super::Failure;

/// What an (extended) result code says about trying again.
pub(crate) fn of_code(code: Option<&str>, message: &str) -> Failure {
    let code = code.and_then(|code| code.parse::<u32>().ok()).unwrap_or_default();
    let why = format!("{message} (result code {code} of SQLite)");
    // The low byte is the primary code.
    match (code, code & 0xff) {
        // CONSTRAINT_PRIMARYKEY, CONSTRAINT_UNIQUE
        (1555 | 2067, _) => Failure::DuplicateKey(why),
        // BUSY, LOCKED
        (_, 5 | 6) => Failure::LockWait(why),
        // CONSTRAINT, MISMATCH: a value that its column or a trigger does not take.
        (_, 19 | 20) => Failure::Permanent(why),
        // TOOBIG: halving the batch may mend it.
        (_, 18) => Failure::Obstructed(why),
        // Disks, memory, the schema, and what is new here: the machine's fault, never a job's.
        _ => Failure::Transient(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_may_be_tried_again() {
        assert!(matches!(of_code(Some("2067"), ""), Failure::DuplicateKey(_)));
        assert!(matches!(of_code(Some("261"), ""), Failure::LockWait(_)), "BUSY_RECOVERY");
        // ERROR (no such column), FULL, READONLY_DBMOVED, SCHEMA, one of a version to come, none.
        for passes in ["1", "13", "1032", "17", "99"].map(Some).into_iter().chain([None]) {
            assert!(matches!(of_code(passes, ""), Failure::Transient(_)), "{passes:?}");
        }
        // CONSTRAINT_TRIGGER, CONSTRAINT_CHECK, MISMATCH.
        for fault in ["1811", "275", "20"] {
            assert!(matches!(of_code(Some(fault), ""), Failure::Permanent(_)), "{fault}");
        }
    }
}
