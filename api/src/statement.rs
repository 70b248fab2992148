//! Statements of accounts, written page by page while they are sent: what a client reads slowly costs no memory
//! and holds no connection to the database.

mod camt053;
mod choice;
mod csv;
mod json;
mod line;
mod period;
mod writer;

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use store::StoreError;
use store::ledger::Reads;

pub use self::choice::Format;
pub use self::json::StatementDocument;
pub use self::line::{Line, Other, PaymentNames, lines};
pub use self::period::{Period, until};
pub use self::writer::Head;
use self::writer::Writer;
use crate::admission::Place;
use crate::ledger_reads::LEDGER_READ_MAX;

/// Entries of a page: a statement takes the memory of two pages, and a round trip each.
const PAGE_ENTRIES: i64 = 500;

impl Format {
    fn writer(self) -> &'static (dyn Writer + Sync) {
        match self {
            Format::Json => &json::Json,
            Format::Csv => &csv::Csv,
            Format::Camt053 => &camt053::Camt053,
        }
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
        tracing::warn!(%error, account = head.range.account.number.shortened(), "a statement was cut off");
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
