//! The ledger as the monitor reads it: whether it answers and how many jobs have which outcome, each
//! second, and its totals, which read every balance, as often as that does no harm.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::lane::Lane;
use store::ledger::{Ledger, OutcomeCounts, Totals};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::views::status::{CurrencySum, LedgerView};

/// How often the ledger is asked whether it is there.
const READY_INTERVAL: Duration = Duration::from_secs(1);
/// With the interval, the time that an alert needs and some to spare: a database that stops shows within 15 s.
const READY_TIMEOUT: Duration = Duration::from_secs(3);
/// Counts that are older are not of the present.
const COUNTS_AGE_MAX: Duration = Duration::from_secs(2);
/// The totals read every balance, so they are asked for less often.
const TOTALS_INTERVAL_MIN: Duration = Duration::from_secs(3);
/// The pause is so many times as long as the reading: it takes a twentieth of the database's time at the most.
const TOTALS_PAUSE: u32 = 20;
/// Totals of a ledger of many accounts take a moment.
const TOTALS_TIMEOUT: Duration = Duration::from_secs(60);

/// What is known of the ledger.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    /// `None`: not read yet, or not to be read.
    totals: Option<LedgerView>,
    /// With when they were asked for.
    counts: Option<(BTreeMap<Lane, OutcomeCounts>, Instant)>,
    /// Whether the ledger answers, or why not; `None`: it was not asked yet.
    ready: Option<Result<(), String>>,
}

impl Books {
    /// The ledger answers.
    pub(crate) fn answers(&self) -> bool {
        matches!(self.ready, Some(Ok(())))
    }

    /// Why the ledger does not answer. Totals that could not be read are not known, which is no trouble of it.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.ready.as_ref()?.as_ref().err().map(String::as_str)
    }

    /// Lane by lane; `None`: not known.
    pub(crate) fn counts(&self, now: Instant) -> Option<&BTreeMap<Lane, OutcomeCounts>> {
        let (counts, at) = self.counts.as_ref()?;
        (now.saturating_duration_since(*at) <= COUNTS_AGE_MAX).then_some(counts)
    }

    /// The totals, with the counts as they are since; `None`: not known.
    pub(crate) fn totals(&self) -> Option<LedgerView> {
        let totals = self.totals.clone()?;
        let Some((counts, _)) = &self.counts else { return Some(totals) };
        let OutcomeCounts { posted, rejected, dead, cancelled, scheduled } = counts.values().sum();
        Some(LedgerView { posted, rejected, dead, cancelled, scheduled, ..totals })
    }
}

/// Looks at the ledger until `shutdown`.
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
        let asked = Instant::now();
        let counts = match &ready {
            Ok(()) => answer(READY_TIMEOUT, ledger.outcome_counts()).await.ok(),
            Err(_) => None,
        };
        books.send_modify(|books| {
            if ready.is_err() {
                // What was read once is not what is there now.
                books.totals = None;
            }
            (books.ready, books.counts) = (Some(ready), counts.map(|counts| (counts, asked)));
        });
    }
}

async fn watch_totals(ledger: &dyn Ledger, books: &watch::Sender<Books>) {
    let mut known = true;
    loop {
        let mut seen = books.subscribe();
        let asked = Instant::now();
        let totals = answer(TOTALS_TIMEOUT, ledger.totals()).await;
        let took = asked.elapsed();
        // Once for each time that they come to be not known.
        if let Err(why) = &totals
            && known
        {
            warn!(%why, "the totals of the ledger could not be read; trying again");
        }
        known = totals.is_ok();
        books.send_modify(|books| books.totals = totals.ok().map(view));
        tokio::select! {
            () = tokio::time::sleep(pause_after(took)) => {}
            // How long the ledger was away says nothing about how long it takes.
            () = back_again(&mut seen) => {}
        }
    }
}

fn pause_after(took: Duration) -> Duration {
    (took * TOTALS_PAUSE).max(TOTALS_INTERVAL_MIN)
}

/// Waits until the ledger has been away and answers.
async fn back_again(books: &mut watch::Receiver<Books>) {
    let away = books.wait_for(|books| books.trouble().is_some()).await.is_ok();
    if !away || books.wait_for(Books::answers).await.is_err() {
        std::future::pending().await
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
    let sum = |(currency, sum): (domain::money::Currency, i128)| CurrencySum {
        currency: currency.code().to_owned(),
        sum: sum.to_string(),
    };
    LedgerView {
        accounts: totals.accounts,
        posted: totals.posted,
        rejected: totals.rejected,
        dead: totals.dead,
        cancelled: totals.cancelled,
        scheduled: totals.scheduled,
        balanced: totals.balances.iter().all(|(_, sum)| *sum == 0),
        balances: totals.balances.into_iter().map(sum).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_ledger_whose_totals_take_long_is_not_away_and_is_asked_seldom() {
        let books = Books { ready: Some(Ok(())), ..Books::default() };
        assert_eq!((books.answers(), books.trouble(), books.totals()), (true, None, None));
        assert_eq!(pause_after(Duration::from_millis(5)), Duration::from_secs(3));
        assert_eq!(pause_after(Duration::from_secs(10)), Duration::from_secs(200));
    }

    #[test]
    fn verdicts_of_a_while_ago_are_not_those_of_now() {
        let asked = Instant::now();
        let counts = BTreeMap::from([(Lane(3), OutcomeCounts { posted: 5, ..OutcomeCounts::default() })]);
        let books = Books { counts: Some((counts.clone(), asked)), ..Books::default() };
        assert_eq!(books.counts(asked + Duration::from_secs(1)), Some(&counts));
        assert_eq!(books.counts(asked + Duration::from_secs(5)), None);
    }
}
