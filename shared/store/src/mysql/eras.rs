//! Eras: the partition that entries are written to, and the ones in stock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, MySqlConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::pools::Pools;
use crate::failure::Failure;
use crate::failure::mysql as errors;
use crate::sql::reads::newest_era;
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script};
use crate::sql::session::{Purpose, Session};

/// Empty eras to have in stock: at 20,000 entries/s six minutes to find a quiet moment in.
const STOCK: i64 = 16;
/// How often a process looks where the ledger stands. The estimate may be that old: an era is a range
/// of time, not an exact count, and no reader depends on it.
const TEND_EVERY: Duration = Duration::from_secs(10);
/// How long to leave it after an era could not be added.
const TEND_AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Adds the next era, whichever that is. `tellers migrate` makes it, and it works with the rights of the user who does: its
/// callers can add an era and do nothing else to the table.
pub(super) const PROCEDURE: &str = "CREATE PROCEDURE IF NOT EXISTS add_era() SQL SECURITY DEFINER MODIFIES SQL DATA \
     BEGIN \
     DECLARE era BIGINT; \
     SELECT MAX(CAST(partition_description AS SIGNED)) INTO era FROM information_schema.partitions \
     WHERE table_schema = DATABASE() AND table_name = 'entries'; \
     SET @add_era = CONCAT('ALTER TABLE entries ADD PARTITION (PARTITION era_', era, ' VALUES LESS THAN (', era + 1, '))'); \
     PREPARE add_era FROM @add_era; \
     EXECUTE add_era; \
     DEALLOCATE PREPARE add_era; \
     END";

/// What this process knows of the eras.
#[derive(Debug, Default)]
pub(super) struct Eras {
    current: AtomicI64,
    /// When to look again, once somebody has; whoever holds the lock is looking.
    due: Arc<Mutex<Option<Instant>>>,
}

impl Eras {
    /// The era to write to.
    pub(super) fn current(&self) -> i64 {
        self.current.load(Ordering::Relaxed)
    }

    /// Brings the estimate up to date and the stock up to size, if that is due and nobody else is at it. Only the
    /// first look, which tells where the ledger stands, is waited for; posting waits for none after that. What
    /// goes wrong here is tried again later: posting goes on in the era that it knows.
    pub(super) async fn maintain_partitions(self: &Arc<Eras>, pools: &Pools) {
        let Ok(due) = self.due.clone().try_lock_owned() else { return };
        match *due {
            None => self.look(pools, due).await,
            Some(at) if at <= Instant::now() => {
                let (eras, pools) = (self.clone(), pools.clone());
                // Bounded by the pool's patience and a second for the lock; where the process ends first,
                // another one looks.
                drop(tokio::spawn(async move { eras.look(&pools, due).await }));
            }
            Some(_) => {}
        }
    }

    async fn look(&self, pools: &Pools, mut due: OwnedMutexGuard<Option<Instant>>) {
        let pause = match self.look_and_stock(pools).await {
            Ok(()) => TEND_EVERY,
            Err(failure) => {
                tracing::warn!(
                    "the next era of entries could not be prepared; trying again later: {failure}"
                );
                TEND_AFTER_FAILURE
            }
        };
        *due = Some(Instant::now() + pause);
    }

    async fn look_and_stock(&self, pools: &Pools) -> Result<(), Failure> {
        let mut connection = pools.acquire(Purpose::Posting).await?;
        let era = newest_era(&mut connection).await?;
        let mut script = Script::new(Dialect::MySql);
        script.sql(
            "SELECT CAST(COALESCE(MAX(CAST(partition_description AS SIGNED)), 0) AS SIGNED) \
             FROM information_schema.partitions WHERE table_schema = DATABASE() AND table_name = 'entries'",
        );
        let found = connection.run(script).await?.pop().unwrap_or_default();
        let eras = found.first().ok_or_else(|| Failure::unreadable("count of eras", 0))?.int(0)?;
        // Never beyond the last one: it takes what no other is there for.
        self.current.store(era.min(eras - 1), Ordering::Relaxed);
        if era + STOCK < eras {
            return Ok(());
        }

        // The connection goes, and with it the lock that lets one process at a time do this.
        connection.abandon();
        let mut lock = Script::new(Dialect::MySql);
        lock.sql("SELECT GET_LOCK(CONCAT('eras of ', LEFT(DATABASE(), 56)), 0)");
        let locked = connection.run(lock).await?.pop().unwrap_or_default();
        if locked.first().map_or(Ok(None), |row| row.int_or_null(0))? != Some(1) {
            return Ok(());
        }
        add(&mut connection, eras).await?;
        tracing::info!(era = eras, "added an era of entries");
        Ok(())
    }
}

/// Adds an era by the procedure; where there is none, as in a schema that an earlier release made, by a statement of its own.
async fn add(connection: &mut MySqlConnection, era: i64) -> Result<(), Failure> {
    // While it waits for a long read to end, all else queues behind it: not longer than a second.
    let wait = "SET SESSION lock_wait_timeout = 1";
    sqlx::raw_sql(wait).execute(&mut *connection).await.map_err(Failure::from)?;
    let refused = match sqlx::raw_sql("CALL add_era()").execute(&mut *connection).await {
        Ok(_) => return Ok(()),
        Err(refused) if errors::is_about_a_procedure(&refused) => refused,
        Err(refused) => return Err(refused.into()),
    };
    let add =
        format!("ALTER TABLE entries ADD PARTITION (PARTITION era_{era} VALUES LESS THAN ({}))", era + 1);
    let added = sqlx::raw_sql(AssertSqlSafe(add)).execute(connection).await.map_err(Failure::from);
    match (added, Failure::from(refused)) {
        // The right to call the procedure is the one to grant.
        (Err(Failure::RightMissing(_)), Failure::RightMissing(call)) => Err(Failure::RightMissing(call)),
        (added, _) => added.map(drop),
    }
}
