//! The books as the monitor reads them: whether the ledger answers, often, and its totals, which read every
//! balance, less often.

use std::sync::Arc;
use std::time::Duration;

use shared::ledger::{Ledger, Totals};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::views::status::{CurrencySum, LedgerView};

/// How often the ledger is asked whether it is there.
const READY_INTERVAL: Duration = Duration::from_secs(2);
/// With the interval, the time that an alert needs and some to spare: a database that stops shows within 15 s.
const READY_TIMEOUT: Duration = Duration::from_secs(3);
/// The totals read every balance, so they are asked for less often.
const TOTALS_INTERVAL: Duration = Duration::from_secs(3);
/// Totals of a ledger of many accounts take a moment.
const TOTALS_TIMEOUT: Duration = Duration::from_secs(10);

/// What is known of the books.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    /// `None`: not read yet, or not to be read.
    pub(crate) totals: Option<LedgerView>,
    /// Why the ledger does not answer.
    away: Option<String>,
    /// Why its totals could not be read.
    unread: Option<String>,
}

impl Books {
    /// Why they can not be read.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.away.as_deref().or(self.unread.as_deref())
    }
}

/// Looks at the books until `shutdown`.
pub(crate) async fn watch(ledger: Arc<dyn Ledger>, books: watch::Sender<Books>, shutdown: CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = watch_readiness(ledger.as_ref(), &books) => {}
        () = watch_totals(ledger.as_ref(), &books) => {}
    }
}

async fn watch_readiness(ledger: &dyn Ledger, books: &watch::Sender<Books>) {
    let mut interval = tokio::time::interval(READY_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let ready = answer(READY_TIMEOUT, ledger.ready()).await;
        books.send_modify(|books| {
            books.away = ready.err();
            if books.away.is_some() {
                // What was read once is not what is there now.
                books.totals = None;
            }
        });
    }
}

async fn watch_totals(ledger: &dyn Ledger, books: &watch::Sender<Books>) {
    let mut interval = tokio::time::interval(TOTALS_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let totals = answer(TOTALS_TIMEOUT, ledger.totals()).await;
        books.send_modify(|books| match totals {
            Ok(totals) => (books.totals, books.unread) = (Some(view(totals)), None),
            Err(why) => (books.totals, books.unread) = (None, Some(why)),
        });
    }
}

async fn answer<T, E: ToString>(
    timeout: Duration,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match tokio::time::timeout(timeout, asked).await {
        Ok(answered) => answered.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the ledger did not answer within {timeout:?}")),
    }
}

fn view(totals: Totals) -> LedgerView {
    let sum = |(currency, sum): (shared::domain::money::Currency, i128)| CurrencySum {
        currency: currency.code().to_owned(),
        sum: sum.to_string(),
    };
    LedgerView {
        accounts: totals.accounts,
        posted: totals.posted,
        rejected: totals.rejected,
        dead: totals.dead,
        balanced: totals.balances.iter().all(|(_, sum)| *sum == 0),
        balances: totals.balances.into_iter().map(sum).collect(),
    }
}
