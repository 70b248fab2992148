//! Statements of accounts, written page by page while they are sent: what a client reads slowly costs no memory
//! and holds no connection to the database.

mod camt053;
mod choice;
mod csv;
mod json;
mod line;
mod period;

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use store::StoreError;
use store::ledger::{EntryRange, Reads};

pub use self::choice::Format;
pub use self::json::StatementDocument;
pub use self::line::{Line, Other, PaymentNames, lines};
pub use self::period::Period;
use crate::admission::Place;
use crate::ledger_reads::LEDGER_READ_MAX;

/// Entries of a page: a statement takes the memory of two pages, and a round trip each.
const PAGE_ENTRIES: i64 = 500;

/// What stands at the head of a statement.
#[derive(Debug)]
pub struct Head {
    /// The entries and the balances at both ends.
    pub range: EntryRange,
    /// What was asked for.
    pub period: Period,
    /// When the statement is written.
    pub written_at: Timestamp,
}

/// How a statement is written: pieces of a text that follow one another.
trait Writer {
    /// All that comes before the first entry.
    fn begin(&self, head: &Head) -> String;
    /// Adds an entry.
    fn entry(&self, text: &mut String, head: &Head, line: &Line<'_>);
    /// All that comes after the last entry.
    fn end(&self, head: &Head) -> String;
}

impl Format {
    fn writer(self) -> &'static (dyn Writer + Sync) {
        match self {
            Format::Json => &json::Json,
            Format::Csv => &csv::Csv,
            Format::Camt053 => &camt053::Camt053,
        }
    }
}

impl Head {
    /// Its first moment, in microseconds since the Unix epoch.
    fn from(&self) -> i64 {
        self.period.from.or(self.range.begins_at).unwrap_or(self.until())
    }

    /// The moment at which it ends, which is not part of it, in microseconds since the Unix epoch.
    fn until(&self) -> i64 {
        let now = self.written_at.as_microsecond();
        self.period.to.unwrap_or(self.period.from.map_or(now, |from| from.max(now)))
    }
}

/// The text of a statement. `place` is the request's among those in flight, until all is sent.
pub fn body(ledger: Arc<dyn Reads>, head: Head, format: Format, place: Place) -> Body {
    let writer = format.writer();
    let head = Arc::new(head);
    let (first, last) = (head.range.first, head.range.last);
    let pages = (first..=last).step_by(usize::try_from(PAGE_ENTRIES).unwrap_or(1));
    let pages = stream::iter(pages).map({
        let head = head.clone();
        move |from| page(ledger.clone(), head.clone(), writer, from)
    });
    let begin = stream::iter([Ok(writer.begin(&head))]);
    let end = stream::iter([Ok(writer.end(&head))]);
    // The next page is read while this one is sent.
    let pieces = begin.chain(pages.buffered(2)).chain(end).map_ok(Bytes::from);
    Body::from_stream(pieces.inspect_err(move |error: &StoreError| {
        // Kept for as long as the stream is.
        let _ = &place;
        tracing::warn!(%error, account = %head.range.account.number, "a statement was cut off");
    }))
}

async fn page(
    ledger: Arc<dyn Reads>,
    head: Arc<Head>,
    writer: &'static (dyn Writer + Sync),
    from: i64,
) -> Result<String, StoreError> {
    let reading = async {
        let entries = ledger.range_entries(&head.range, from..=from + PAGE_ENTRIES - 1).await?;
        let mut text = String::new();
        for line in lines(&*ledger, &entries).await? {
            writer.entry(&mut text, &head, &line);
        }
        Ok(text)
    };
    let too_late = |_| StoreError::Transient(format!("it did not answer within {LEDGER_READ_MAX:?}"));
    tokio::time::timeout(LEDGER_READ_MAX, reading).await.map_err(too_late)?
}

/// The day (UTC) of a time in microseconds since the Unix epoch.
fn day(microseconds: i64) -> jiff::civil::Date {
    let time = crate::rfc3339::Rfc3339::from_microseconds(microseconds).0;
    jiff::tz::Offset::UTC.to_datetime(time).date()
}
