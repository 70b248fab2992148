//! Trial balances, written while they are read: what every account had at one moment, as debits and credits.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use domain::account::AccountNumber;
use futures::{Stream, StreamExt as _, stream};
use jiff::Timestamp;
use serde::Serialize;
use store::StoreError;
use store::ledger::{AccountBalance, Reads};
use strum::{IntoStaticStr, VariantArray};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use utoipa::ToSchema;

use crate::admission::Place;
use crate::rfc3339::Rfc3339;

/// Pages that are read before their reader takes them.
const PAGES_AHEAD: usize = 2;

/// A form of reports about the whole ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray, ToSchema)]
#[strum(serialize_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum ReportFormat {
    /// JSON, as all else here.
    Json,
    /// Comma-separated values (RFC 4180).
    Csv,
}

/// What every account of the key had at one moment. Amounts are in minor units.
#[derive(ToSchema)]
#[schema(as = TrialBalance)]
#[allow(dead_code)] // Only its schema is used: the document is written piece by piece.
pub struct TrialBalanceDocument {
    /// The moment (RFC 3339, UTC). Entries that were posted then or later are not in it.
    #[schema(format = DateTime)]
    at: String,
    /// The accounts that there were, in the order in which they were opened.
    accounts: Vec<TrialBalanceAccount<'static>>,
    /// The sums of these accounts, by currency. Over all accounts of the ledger debits and credits are equal.
    totals: Vec<TrialBalanceTotal>,
}

/// What one account had.
#[derive(Serialize, ToSchema)]
pub struct TrialBalanceAccount<'a> {
    /// The account's number.
    number: &'a str,
    /// The currency (ISO 4217).
    currency: &'static str,
    /// How many entries it had.
    entries: i64,
    /// The balance, in minor units, if it was below zero, without the sign; else 0.
    debit: u64,
    /// The balance, in minor units, if it was above zero; else 0.
    credit: u64,
}

/// What all of a currency had together.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct TrialBalanceTotal {
    /// The currency (ISO 4217).
    currency: &'static str,
    /// How many accounts.
    accounts: u64,
    /// How many entries they had.
    entries: i64,
    /// The sum of their debits, in minor units.
    debit: u64,
    /// The sum of their credits, in minor units.
    credit: u64,
}

/// A trial balance that is being read.
pub struct TrialBalance {
    pages: mpsc::Receiver<Vec<AccountBalance>>,
    reading: Reading,
    first: Vec<AccountBalance>,
    /// The moment, in microseconds since the Unix epoch.
    at: i64,
}

impl TrialBalance {
    /// Begins to read what accounts had after all entries that were posted before a moment (µs since the Unix epoch), or after all.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn begin(ledger: Arc<dyn Reads>, before: Option<i64>) -> Result<TrialBalance, StoreError> {
        let at = before.unwrap_or_else(|| Timestamp::now().as_microsecond());
        let (sender, mut pages) = mpsc::channel(PAGES_AHEAD);
        let mut reading = Reading(Some(tokio::spawn(async move { ledger.balances(before, sender).await })));
        let first = match pages.recv().await {
            Some(page) => page,
            None => {
                reading.end().await?;
                Vec::new()
            }
        };
        Ok(TrialBalance { pages, reading, first, at })
    }

    /// The text of it, of the accounts that are `shown`. `place` is the request's among those in flight, until all is sent.
    pub fn body(
        self,
        format: ReportFormat,
        shown: impl Fn(&AccountNumber) -> bool + Send + Sync + 'static,
        place: Place,
    ) -> Body {
        let text = Text { format, totals: BTreeMap::new() };
        let head = text.head(self.at);
        let first = stream::iter([self.first]);
        let rest = stream::unfold(self.pages, async |mut pages| Some((pages.recv().await?, pages)));
        let pages = first.chain(rest).map(move |mut page| {
            page.retain(|account| shown(&account.number));
            page
        });
        let pieces = stream::iter([Ok(head)]).chain(pieces(pages, text, self.reading));
        Body::from_stream(pieces.map(move |piece| {
            // Kept for as long as the stream is.
            let _ = &place;
            piece.map(Bytes::from).inspect_err(|error| tracing::warn!(%error, "a trial balance was cut off"))
        }))
    }
}

/// The text of the pages, and then what follows them; an error if they did not come to their end.
fn pieces(
    pages: impl Stream<Item = Vec<AccountBalance>> + Send + 'static,
    text: Text,
    reading: Reading,
) -> impl Stream<Item = Result<String, StoreError>> + Send + 'static {
    let state = Some((Box::pin(pages), text, reading));
    stream::unfold(state, async |state| {
        let (mut pages, mut text, mut reading) = state?;
        match pages.next().await {
            Some(page) => {
                let piece = text.page(&page);
                Some((Ok(piece), Some((pages, text, reading))))
            }
            None => Some((reading.end().await.map(|()| text.end()), None)),
        }
    })
}

/// What reads the ledger; `None`: it came to its end.
struct Reading(Option<JoinHandle<Result<(), StoreError>>>);

impl Reading {
    /// Waits for its end, and says how it ended if nobody knows yet.
    async fn end(&mut self) -> Result<(), StoreError> {
        let Some(reading) = self.0.take() else { return Ok(()) };
        reading.await.map_err(|fault| StoreError::Permanent(format!("the reading broke off: {fault}")))?
    }
}

/// What was written so far.
struct Text {
    format: ReportFormat,
    totals: BTreeMap<&'static str, TrialBalanceTotal>,
}

impl Text {
    fn head(&self, at: i64) -> String {
        match self.format {
            ReportFormat::Json => format!("{{\"at\":\"{}\",\"accounts\":[", Rfc3339::from_microseconds(at)),
            ReportFormat::Csv => "account,currency,entries,debit,credit\r\n".to_owned(),
        }
    }

    fn page(&mut self, page: &[AccountBalance]) -> String {
        let mut text = String::with_capacity(page.len() * 96);
        for AccountBalance { number, currency, entries, balance } in page {
            let side = balance.unsigned_abs();
            let (debit, credit) = if *balance < 0 { (side, 0) } else { (0, side) };
            let (number, currency, entries) = (number.as_str(), currency.code(), *entries);
            let comma = if self.totals.is_empty() { "" } else { "," };
            let total = self.totals.entry(currency).or_default();
            total.currency = currency;
            total.accounts += 1;
            total.entries = total.entries.saturating_add(entries);
            total.debit = total.debit.saturating_add(debit);
            total.credit = total.credit.saturating_add(credit);
            // Writing to a string does not fail.
            let _ = match self.format {
                ReportFormat::Json => {
                    let account = TrialBalanceAccount { number, currency, entries, debit, credit };
                    write!(text, "{comma}{}", serde_json::json!(account))
                }
                ReportFormat::Csv => write!(text, "{number},{currency},{entries},{debit},{credit}\r\n"),
            };
        }
        text
    }

    /// CSV has lines of accounts alone.
    fn end(&self) -> String {
        match self.format {
            ReportFormat::Json => {
                let totals: Vec<_> = self.totals.values().collect();
                format!("],\"totals\":{}}}\n", serde_json::json!(totals))
            }
            ReportFormat::Csv => String::new(),
        }
    }
}
