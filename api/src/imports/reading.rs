//! Reading a file: on a thread of its own, in chunks, as fast as they are taken.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use shared::domain::lane::Lane;
use shared::domain::text::Client;
use shared::imports::Refusal;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::report;
use super::source::{self, Position};
use super::spool::Held;
use crate::files::{self, FileError, Format, Options, Reader, Row, RowError, RowIdentity};
use crate::ingress::Ingress;
use crate::intake::Intake;

/// Rows that go from hand to hand together: with sixteen lanes, about as many for each as an envelope takes.
pub(super) const CHUNK_ROWS_MAX: usize = 1_000;
/// Bytes of them: rows may be long.
const CHUNK_BYTES_MAX: usize = 512 * 1024;

/// Rows, one after the other.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// What they are.
    pub rows: Vec<ReadRow>,
    /// The head of the file, with the first of them.
    pub head: Option<Refusal>,
    /// How much of the file has been read by now.
    pub bytes_read: u64,
}

/// A row, ready to be queued or refused.
#[derive(Debug)]
pub(super) enum ReadRow {
    /// A job.
    Job {
        /// The number of the row.
        row: u64,
        /// Where it goes.
        lane: Lane,
        /// Its wire form.
        message: Bytes,
    },
    /// None.
    Refused(Refusal),
}

/// What rows are made jobs with.
pub(super) struct Reading {
    /// The ingress.
    pub ingress: Arc<Ingress>,
    /// Who sent the file.
    pub client: Client,
    /// Names the import for ever.
    pub digest: [u8; 32],
    /// Ends the reading.
    pub stop: CancellationToken,
}

impl Reading {
    /// Reads the file through once, so that nothing of one that has no end is queued; then hands on the rows after
    /// row `after`, until the end or until nobody takes any more.
    pub fn read(&self, held: &Held, after: u64, chunks: &mpsc::Sender<Chunk>) -> Result<(), FileError> {
        let position = Position::default();
        // A file that is read again is read by the day on which that happens.
        let options = Options { now: Some(Timestamp::now()), ..self.ingress.imports.config.options.clone() };
        let mut file = held.open()?;
        let format = source::format(&mut file, &held.description)?;
        let mut source = match source::open(file, format, &held.description, &options, &position) {
            Ok(source) => source,
            Err(error) => {
                if format == Format::Pain001 {
                    let head = Some(report::refused_head(header_if_sound(held, &error), &error));
                    let _ = chunks.blocking_send(Chunk { head, ..Chunk::default() });
                }
                return Err(error);
            }
        };
        let mut key = RowKey::new(&self.digest);
        let (mut chunk, mut chunk_bytes) =
            (Chunk { head: Some(head(format, &*source)), ..Chunk::default() }, 0);
        while let Some(row) = source.next()? {
            if self.stop.is_cancelled() {
                return Ok(());
            }
            if row.number <= after {
                continue;
            }
            chunk_bytes += row.raw.len();
            let mut row = self.prepare(row, &mut key);
            if let ReadRow::Refused(refusal) = &mut row {
                refusal.raw = source.refused(&refusal.raw, &in_place(refusal));
            }
            chunk.rows.push(row);
            if chunk.rows.len() >= CHUNK_ROWS_MAX || chunk_bytes >= CHUNK_BYTES_MAX {
                chunk.bytes_read = position.bytes();
                if chunks.blocking_send(std::mem::take(&mut chunk)).is_err() {
                    return Ok(());
                }
                chunk_bytes = 0;
            }
        }
        chunk.bytes_read = position.bytes();
        // Nobody takes it: then nobody needs it.
        let _ = chunks.blocking_send(chunk);
        Ok(())
    }

    fn prepare(&self, row: Row, key: &mut RowKey) -> ReadRow {
        let Row { number, line, raw, content, identity, .. } = row;
        let body = match content {
            Ok(body) => body,
            Err(error) => {
                let RowError { line, column, field, reason } = error;
                return ReadRow::Refused(Refusal { row: number, line, column, field, reason, raw });
            }
        };
        let intake = Intake { ingress: &self.ingress, client: &self.client, key: None };
        let key = match &identity {
            RowIdentity::Payment(identity) => identity,
            RowIdentity::Row => key.of(number),
        };
        match intake.row(key, body.get().as_bytes()) {
            Ok(job) => ReadRow::Job { row: number, lane: job.lane, message: job.message },
            Err(problem) => {
                let (field, reason) = problem.field_and_detail();
                ReadRow::Refused(Refusal { row: number, line, column: None, field, reason, raw })
            }
        }
    }
}

/// The reason, and where: the file that carries it has other lines.
fn in_place(refusal: &Refusal) -> String {
    let at = refusal.column.map_or_else(String::new, |column| format!(", column {column}"));
    format!("line {}{at}: {}", refusal.line, refusal.reason)
}

/// The header of a message that is refused for what follows it.
fn header_if_sound(held: &Held, error: &FileError) -> Vec<u8> {
    let is_text = matches!(error, FileError::Totals { .. } | FileError::Xml { .. } | FileError::Empty);
    let header = || files::header_of(held.open()?);
    if is_text { header().unwrap_or_default() } else { Vec::new() }
}

/// Kept as row 0 of those refused, which a file of them starts with.
fn head(format: Format, source: &dyn Reader) -> Refusal {
    let (reason, raw) = (format.name().to_owned(), source.header().to_vec());
    Refusal { row: 0, line: 0, column: None, field: None, reason, raw }
}

/// The keys of rows that have no reference of their own.
struct RowKey {
    key: String,
    prefix: usize,
}

impl RowKey {
    fn new(digest: &[u8; 32]) -> RowKey {
        // No reference contains the separator, so that none is the key of a row.
        let key = format!("import:{}\u{1f}", blake3::Hash::from_bytes(*digest).to_hex());
        RowKey { prefix: key.len(), key }
    }

    fn of(&mut self, row: u64) -> &str {
        use std::fmt::Write as _;
        self.key.truncate(self.prefix);
        // Writing to a string never fails.
        let _ = write!(self.key, "{row}");
        &self.key
    }
}
