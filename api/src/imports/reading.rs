//! Reading a file: on a thread of its own, in chunks, as fast as they are taken.

use std::sync::Arc;

use bytes::Bytes;
use domain::access::Accounts;
use domain::fingerprint::Fingerprint;
use domain::id::JobId;
use domain::id::Sameness;
use domain::lane::Lane;
use domain::text::Client;
use formats::{FileError, Format, FormerName, Options, Reader, Row, RowError, RowIdentity};
use jiff::Timestamp;
use store::imports::{Content, ContentOf, Refusal};
use tellers_http::trail;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::report;
use super::seen::Seen;
use super::source::{self, Position};
use super::spool::Held;
use crate::context::Ingress;
use crate::identity::{SEPARATOR_OF_RELEASE, Who};
use crate::intake::{self, Intake, RowKnownBy};

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
        /// Its id and body, if others may name the same: it has a reference.
        claim: Option<(JobId, Fingerprint)>,
    },
    /// None.
    Refused(Refusal),
}

/// What rows are made jobs with.
#[derive(Clone)]
pub(super) struct Reading {
    /// The ingress.
    pub ingress: Arc<Ingress>,
    /// Who sent the file.
    pub client: Client,
    /// The accounts that its rows may draw on.
    pub accounts: Accounts,
    /// Of the file as it was sent, by which release 0.1 knew its rows.
    pub digest: [u8; 32],
    /// What the file says, by which its rows are known.
    pub file: [u8; 32],
    /// Ends the reading.
    pub stop: CancellationToken,
}

impl Reading {
    /// Reads the file through for what it says: the same file is the same however it is packed, cut into lines,
    /// encoded or described. `None`: it was stopped.
    pub fn survey(&self, held: &Held) -> Result<Option<Content>, FileError> {
        let mut content = ContentOf::default();
        let mut file = held.open()?;
        let format = source::format(&mut file, &held.description)?;
        if format == Format::Pain001 {
            // Payments have identifiers, and a fault of the message belongs to its head.
            return Ok(Some(Content { identity: self.digest, ..content.finish() }));
        }
        let options = self.options();
        let mut source = source::open(file, format, &held.description, &options, &Position::default())?;
        while let Some(Row { raw, content: body, .. }) = source.next()? {
            if self.stop.is_cancelled() {
                return Ok(None);
            }
            let job = body.ok().and_then(|body| intake::read_row(body.get().as_bytes()).ok());
            match &job {
                _ if format == Format::Csv => (),
                Some(job) => content.add_text(&job.fingerprint.0),
                None => content.add_text(&words(&raw)),
            }
            if let Some(job) = job.filter(|job| !job.has_reference) {
                content.add_job(job.fingerprint);
            }
        }
        if let Some(wording) = source.wording()? {
            content.add_text(&wording);
        }
        Ok(Some(content.finish()))
    }

    /// Reads the file through once, so that nothing of one that has no end is queued; then hands on the rows after
    /// row `after`, until the end or until nobody takes any more.
    pub fn read(&self, held: &Held, after: u64, chunks: &mpsc::Sender<Chunk>) -> Result<(), FileError> {
        let position = Position::default();
        let mut source = match self.open(held, &position) {
            Ok(source) => source,
            Err((format, error)) => {
                if format == Some(Format::Pain001) {
                    let head = Some(report::refused_head(header_if_sound(held, &error), &error));
                    let _ = chunks.blocking_send(Chunk { head, ..Chunk::default() });
                }
                return Err(error);
            }
        };
        let mut rows = Rows {
            reading: self,
            who: self.ingress.who(&self.client),
            seen: Seen::default(),
            is_refusal_noted: false,
        };
        let head = Some(head(source.format, &*source.reader));
        let (mut chunk, mut chunk_bytes) = (Chunk { head, ..Chunk::default() }, 0);
        while let Some(row) = source.reader.next()? {
            if self.stop.is_cancelled() {
                return Ok(());
            }
            let (number, bytes) = (row.number, row.raw.len());
            // What was queued before is seen again: later rows may have its reference.
            let mut row = rows.prepare(row);
            if number <= after {
                continue;
            }
            chunk_bytes += bytes;
            if let ReadRow::Refused(refusal) = &mut row {
                refusal.raw = source.reader.refused(&refusal.raw, &in_place(refusal));
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

    /// These rows, which the ledger found to be conflicts, as the client sees them: like refused ones.
    pub fn conflicts(&self, held: &Held, numbers: &[u64]) -> Result<Vec<Refusal>, FileError> {
        let mut source = self.open(held, &Position::default()).map_err(|(_, error)| error)?;
        let mut refusals = Vec::with_capacity(numbers.len());
        let mut wanted = numbers.iter().copied().peekable();
        while let (Some(number), Some(Row { number: at, line, raw, identity, .. })) =
            (wanted.peek().copied(), source.reader.next()?)
        {
            if at < number {
                continue;
            }
            wanted.next();
            let (field, reason) = why_conflict(&identity);
            let mut refusal = Refusal { row: at, line, column: None, field, reason: reason.to_owned(), raw };
            refusal.raw = source.reader.refused(&refusal.raw, &in_place(&refusal));
            refusals.push(refusal);
        }
        Ok(refusals)
    }

    /// A file that is read again is read by the day on which that happens.
    fn options(&self) -> Options {
        Options { now: Some(Timestamp::now()), ..self.ingress.imports.config.options.clone() }
    }

    fn open(&self, held: &Held, position: &Position) -> Result<Source, (Option<Format>, FileError)> {
        let mut file = held.open().map_err(|error| (None, error.into()))?;
        let format = source::format(&mut file, &held.description).map_err(|error| (None, error))?;
        let reader = source::open(file, format, &held.description, &self.options(), position);
        reader.map(|reader| Source { format, reader }).map_err(|error| (Some(format), error))
    }
}

/// The field at fault for a row that was queued and took no effect, and why.
fn why_conflict(identity: &RowIdentity) -> (Option<String>, &'static str) {
    match identity {
        RowIdentity::Payment(_) => {
            (None, "this payment is not made: an earlier payment has the same ids and another content")
        }
        RowIdentity::Row => (
            Some("reference".to_owned()),
            "the reference belongs to a job with another body, so this row takes no effect; give it a reference of its \
             own, or leave the reference out",
        ),
    }
}

struct Source {
    format: Format,
    reader: Box<dyn Reader>,
}

/// Makes jobs of rows, one after the other.
struct Rows<'a> {
    reading: &'a Reading,
    who: Who<'a>,
    seen: Seen,
    /// One of a file is enough: the others are in its report.
    is_refusal_noted: bool,
}

impl Rows<'_> {
    fn prepare(&mut self, row: Row) -> ReadRow {
        let Row { number, place, line, raw, content, identity, former } = row;
        let refused = |column, field, reason, raw| {
            ReadRow::Refused(Refusal { row: number, line, column, field, reason, raw })
        };
        let body = match content {
            Ok(body) => body,
            Err(RowError { line, column, field, reason }) => {
                return ReadRow::Refused(Refusal { row: number, line, column, field, reason, raw });
            }
        };
        let Reading { ingress, client, accounts, digest, file, .. } = self.reading;
        let intake = Intake { ingress, client, accounts, who: &self.who, key: None };
        let former = former.unwrap_or_else(|| former_name(digest, number));
        let known_by = match &identity {
            RowIdentity::Payment(payment) => RowKnownBy::Payment(payment),
            RowIdentity::Row => RowKnownBy::Place { file, place },
        };
        let job = match intake.row(known_by, &former, body.get().as_bytes()) {
            Ok(job) => job,
            Err(problem) => {
                if problem.is_by_grant() && !std::mem::replace(&mut self.is_refusal_noted, true) {
                    let (row, sender) = (number.to_string(), trail::Who::of_client(client));
                    let detail = [("row", row.as_str()), ("first", problem.detail())];
                    ingress.config.trail.note("grant_refused", &sender, &detail);
                }
                let (field, reason) = problem.field_and_detail();
                return refused(None, field, reason, raw);
            }
        };
        let claim = job.has_reference.then_some((job.id, job.fingerprint));
        if let Some((id, body)) = claim
            && let Err(first) = self.seen.see(id, body, line)
        {
            let reason = format!(
                "line {line} has the reference of line {first}, with other content; a reference names one job: map the \
                 column to memo or metadata instead, or give each row a reference of its own"
            );
            return refused(None, Some("reference".to_owned()), reason, raw);
        }
        ReadRow::Job { row: number, lane: job.lane, message: job.message, claim }
    }
}

/// A text without what only sets it: blanks, line ends, quotes and separators, and the case of its letters.
fn words(text: &[u8]) -> Vec<u8> {
    let sets = |byte: &u8| byte.is_ascii_whitespace() || b"\";,|".contains(byte);
    text.iter().filter(|byte| !sets(byte)).map(u8::to_ascii_lowercase).collect()
}

/// The reason, and where: the file that carries it has other lines.
fn in_place(refusal: &Refusal) -> String {
    let at = refusal.column.map_or_else(String::new, |column| format!(", column {column}"));
    format!("line {}{at}: {}", refusal.line, refusal.reason)
}

/// The header of a message that is refused for what follows it.
fn header_if_sound(held: &Held, error: &FileError) -> Vec<u8> {
    let is_text = matches!(error, FileError::Totals { .. } | FileError::Xml { .. } | FileError::Empty);
    let header = || formats::header_of(held.open()?);
    if is_text { header().unwrap_or_default() } else { Vec::new() }
}

/// Kept as row 0 of those refused, which a file of them starts with.
fn head(format: Format, source: &dyn Reader) -> Refusal {
    let (reason, raw) = (format.name().to_owned(), source.header().to_vec());
    Refusal { row: 0, line: 0, column: None, field: None, reason, raw }
}

/// By what release 0.1 knew a row without a reference: the digest of its file's bytes, and its number.
fn former_name(digest: &[u8; 32], row: u64) -> FormerName {
    let file = blake3::Hash::from_bytes(*digest).to_hex();
    FormerName { name: format!("import:{file}{SEPARATOR_OF_RELEASE}{row}"), sameness: Sameness::SameMoney }
}
