//! What is known of a database server, and when it is to be left.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{Connection, MySqlConnection};
use tokio::time::timeout;

use super::durability::Looking;
use crate::failure::mysql as errors;
use crate::sql::rows::Cells;

/// A server that was not asked for longer is asked before a connection to it is used: it may have restarted, or have
/// become a replica.
pub(super) const TRUSTED_MAX: Duration = Duration::from_secs(1);
/// How long an answer to that may take. A server that went without a word never answers.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// A server that answers within this is near: three more round trips of a full batch then cost less than half of what its
/// prepared inserts save, some 2 ms.
const NEAR_MAX: Duration = Duration::from_micros(300);

/// Why the server takes no writes, if it does not.
const READ_ONLY: &str = "SELECT CONCAT_WS(',', @@global.read_only, @@global.innodb_read_only)";

/// Whether the answer to that has a number or a name that says no in each place; versions differ.
fn takes_writes(flags: &[u8]) -> bool {
    flags.split(|byte| *byte == b',').all(|flag| flag == b"0" || flag.eq_ignore_ascii_case(b"off"))
}

/// Where what connects here is written.
#[derive(Debug, Clone)]
pub(super) enum Writes {
    /// On these connections, which post: the server's durability is looked at with each.
    Posts(Looking),
    /// On these connections.
    Here,
    /// On this server, by other connections.
    Elsewhere,
    /// On another server, of which this one is a replica.
    OnPrimary,
}

/// What is known of a server.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) writes: Writes,
    begun_at: Instant,
    /// When it was left last, in microseconds since `begun_at`; 0: never.
    left_us: AtomicU64,
    /// When it was asked last, likewise.
    asked_us: AtomicU64,
    /// The shortest time in which it answered since it was left, in microseconds: what was longer waited for a processor.
    answered_us: AtomicU64,
    /// Whether it has refused to keep statements, or forgot them, since it was left.
    keeps_none: AtomicBool,
    /// Whether it did as it should when it was asked last.
    pub(super) answers: AtomicBool,
    /// Why it was left, while its idle connections are still there.
    reason: Mutex<Option<String>>,
}

impl Standing {
    pub(super) fn new(writes: Writes) -> Standing {
        Standing {
            writes,
            begun_at: Instant::now(),
            left_us: AtomicU64::new(0),
            asked_us: AtomicU64::new(0),
            answered_us: AtomicU64::new(u64::MAX),
            keeps_none: AtomicBool::new(false),
            answers: AtomicBool::new(true),
            reason: Mutex::default(),
        }
    }

    fn us(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.begun_at).as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn leave(&self) {
        self.left_us.fetch_max(self.us(Instant::now()), Relaxed);
        self.answered_us.store(u64::MAX, Relaxed);
        self.keeps_none.store(false, Relaxed);
    }

    /// A round trip took so long.
    pub(super) fn answered_after(&self, took: Duration) {
        self.answered_us.fetch_min(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// A prepared statement failed, and not by its values: the server has no room for more of them, does not take them, or a
    /// proxy has forgotten them. Text works everywhere.
    pub(super) fn keeps_no_statements(&self) {
        self.keeps_none.store(true, Relaxed);
    }

    /// Whether statements are prepared: round trips cost little, and none has failed.
    pub(super) fn prepares(&self) -> bool {
        let is_near = u128::from(self.answered_us.load(Relaxed)) <= NEAR_MAX.as_micros();
        is_near && !self.keeps_none.load(Relaxed)
    }

    /// From within the pool, which closes no connection but the one that it looks at.
    pub(super) fn leave_soon(&self, why: String) {
        self.leave();
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    pub(super) fn reason_to_leave(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn was_left_since(&self, at: Instant) -> bool {
        self.left_us.load(Relaxed) > self.us(at)
    }

    pub(super) fn is_due(&self) -> bool {
        let asked_for = self.us(Instant::now()).saturating_sub(self.asked_us.load(Relaxed));
        u128::from(asked_for) >= TRUSTED_MAX.as_micros()
    }

    /// Asks the server of this connection whether it is there and what it is to be. False: the connection has ended, which
    /// says nothing of others; servers close what lies idle.
    ///
    /// # Errors
    /// Why the server is to be left.
    pub(super) async fn ask(&self, connection: &mut MySqlConnection) -> Result<bool, String> {
        self.asked_us.fetch_max(self.us(Instant::now()), Relaxed);
        let answer = async {
            if matches!(self.writes, Writes::OnPrimary) {
                return connection.ping().await.map(|()| None);
            }
            let row = sqlx::raw_sql(READ_ONLY).fetch_one(connection).await?;
            Ok(row.bytes(0).ok().map(<[u8]>::to_vec))
        };
        match timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(Some(flags))) if !takes_writes(&flags) => {
                Err(format!("it is read-only ({})", String::from_utf8_lossy(&flags)))
            }
            Ok(Ok(_)) => {
                self.answers.store(true, Relaxed);
                Ok(true)
            }
            // What speaks MySQL without these variables is asked in vain, and answers.
            Ok(Err(error)) => Ok(errors::is_unknown_variable(&error)),
            Err(_) => Err(format!("no answer within {ANSWER_TIMEOUT:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_near_by_its_best_answer_until_it_is_left() {
        let standing = Standing::new(Writes::Here);
        let prepares_after = |took| {
            standing.answered_after(Duration::from_micros(took));
            standing.prepares()
        };
        assert_eq!([12_000, 301, 150, 30_000].map(prepares_after), [false, false, true, true]);
        standing.keeps_no_statements();
        assert!(!prepares_after(150));
        standing.leave();
        assert!(!standing.prepares(), "it may be another one");
        assert!(prepares_after(150));
    }

    #[test]
    fn a_server_is_read_only_whatever_its_version_calls_it() {
        assert!(takes_writes(b"0,0") && takes_writes(b"OFF,OFF"));
        for read_only in [&b"1,0"[..], b"0,1", b"ON,OFF", b"OFF,ON", b"NO_LOCK_NO_ADMIN,0"] {
            assert!(!takes_writes(read_only), "{}", String::from_utf8_lossy(read_only));
        }
    }
}
