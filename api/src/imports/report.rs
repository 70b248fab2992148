//! A pain.002 on the payments of a pain.001, written as their outcomes are read, page by page.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use formats::pain002::{
    FUTURE_DATE, Original, PaymentStatus, Reason, Report, Status, file_code, refusal_code, rejection_code,
};
use formats::{EXECUTION_DATE, FileError, Format, Message, PaymentIds, was_ahead};
use jiff::Timestamp;
use serde::Deserialize;
use store::imports::{Import, ImportState, ImportedRow, Imports, Refusal, RowOutcome, RowsByOutcome};

use super::description::Description;
use crate::rfc3339::Rfc3339;

/// Rows of one page of the database: some may have 64 KiB.
const PAGE_ROWS: u32 = 200;

/// A report, being written. What has no outcome yet is counted in its head and not listed.
pub struct PaymentReport {
    number: u64,
    /// When the file came.
    taken_at: Timestamp,
    report: Report<Vec<u8>>,
    taken: Pages<ImportedRow>,
    refused: Pages<Refusal>,
    has_ended: bool,
}

/// Rows that were read and are not written yet.
struct Pages<T> {
    rows: VecDeque<T>,
    /// The last row that was read.
    read_to: u64,
    all_read: bool,
}

impl<T> Pages<T> {
    fn new() -> Pages<T> {
        Pages { rows: VecDeque::new(), read_to: 0, all_read: false }
    }

    fn is_due(&self) -> bool {
        self.rows.is_empty() && !self.all_read
    }

    fn add(&mut self, page: Vec<T>, row: impl Fn(&T) -> u64) {
        self.all_read = page.len() < PAGE_ROWS as usize;
        self.read_to = page.last().map_or(self.read_to, row);
        self.rows = page.into();
    }
}

impl PaymentReport {
    /// Of an import whose head is known: its format is pain.001.
    ///
    /// # Errors
    /// None: it is written to memory.
    pub fn new(
        import: &Import,
        head: &Refusal,
        rows_by_outcome: &[RowsByOutcome],
    ) -> io::Result<PaymentReport> {
        let number = import.number;
        let now = Timestamp::now();
        let whole = Whole::of(import, head, rows_by_outcome);
        let original = Original {
            report_id: format!("import-{number}-{}", now.strftime("%Y%m%d%H%M%S")),
            created_at: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            message: Message::of_header(&head.raw),
            status: whole.status,
            reason: whole.reason,
            payments: whole.payments,
        };
        Ok(PaymentReport {
            number,
            taken_at: Rfc3339::from_microseconds(import.created_at).0,
            report: Report::start(Vec::new(), &original)?,
            taken: Pages::new(),
            refused: Pages::new(),
            has_ended: false,
        })
    }

    /// The next piece; none after the last.
    ///
    /// # Errors
    /// The ledger's database could not be reached.
    pub async fn next(&mut self, imports: &dyn Imports) -> io::Result<Option<Bytes>> {
        if self.has_ended {
            return Ok(None);
        }
        if self.taken.is_due() {
            let page = imports.rows(self.number, self.taken.read_to, PAGE_ROWS).await;
            self.taken.add(page.map_err(io::Error::other)?, |row| row.row);
        }
        if self.refused.is_due() {
            // Row 0 is the head of the file.
            let page = imports.refusals(self.number, self.refused.read_to + 1, PAGE_ROWS).await;
            self.refused.add(page.map_err(io::Error::other)?, |refusal| refusal.row);
        }
        let taken_at = self.taken_at;
        while !self.taken.is_due() && !self.refused.is_due() {
            let payment = match (self.taken.rows.front(), self.refused.rows.front()) {
                (Some(row), Some(refusal)) if row.row <= refusal.row => {
                    // A conflict is among the refused rows too.
                    if row.row == refusal.row {
                        self.refused.rows.pop_front();
                    }
                    self.taken.rows.pop_front().map(of_row)
                }
                (Some(_), None) => self.taken.rows.pop_front().map(of_row),
                (_, Some(_)) => self.refused.rows.pop_front().map(|refusal| of_refusal(&refusal, taken_at)),
                (None, None) => {
                    self.has_ended = true;
                    let end = std::mem::replace(&mut self.report, Report::nothing()).finish()?;
                    return Ok(Some(end.into()));
                }
            };
            payment.map_or(Ok(()), |payment| self.report.payment(&payment))?;
        }
        Ok(Some(self.report.take().into()))
    }
}

/// The code by which a report tells that a whole message was refused; beside the head of its file.
pub(super) fn refused_head(header: Vec<u8>, error: &FileError) -> Refusal {
    let field = Some(file_code(error).to_owned());
    Refusal { row: 0, line: 0, column: None, field, reason: Format::Pain001.name().to_owned(), raw: header }
}

/// What has become of a message.
struct Whole {
    status: Status,
    reason: Option<Reason>,
    payments: Vec<(Status, u64)>,
}

impl Whole {
    fn of(import: &Import, head: &Refusal, rows_by_outcome: &[RowsByOutcome]) -> Whole {
        let progress = &import.progress;
        let is_dry = serde_json::from_str::<Description>(&import.description).is_ok_and(|said| said.dry_run);
        let count = |status: Status| -> u64 {
            let is_of_status =
                |rows: &&RowsByOutcome| status_of(rows.outcome, rows.reason.as_deref()) == status;
            rows_by_outcome.iter().filter(is_of_status).map(|rows| rows.rows).sum()
        };
        let (settled, turned_down) = (count(Status::Settled), count(Status::Rejected));
        let (good, pending) = if is_dry {
            (progress.accepted, 0)
        } else {
            (settled, progress.accepted.saturating_sub(settled + turned_down))
        };
        let rejected = turned_down + progress.refused;
        let status_of_good = if is_dry { Status::Accepted } else { Status::Settled };
        let remark = || progress.remark.clone().unwrap_or_default();
        let reason: Option<Reason> = match progress.state {
            ImportState::Refused => Some((reason_code(head), remark())),
            ImportState::Failed => Some(("NARR", remark())),
            ImportState::Cancelled => {
                Some(("DS02", "its sender stopped the import before its end".to_owned()))
            }
            ImportState::Queued | ImportState::Reading | ImportState::Draining | ImportState::Done => None,
        };
        let is_being_read = matches!(progress.state, ImportState::Queued | ImportState::Reading);
        let status = match (good, rejected) {
            _ if is_being_read || pending > 0 => Status::Pending,
            (0, _) => Status::Rejected,
            (_, 0) if reason.is_none() => status_of_good,
            _ => Status::Partly,
        };
        let payments = vec![(status_of_good, good), (Status::Rejected, rejected), (Status::Pending, pending)];
        Whole { status, reason, payments }
    }
}

/// The code that was kept with the head.
fn reason_code(head: &Refusal) -> &'static str {
    let codes = ["AM10", "AM18"];
    codes.into_iter().find(|code| head.field.as_deref() == Some(*code)).unwrap_or("FF01")
}

/// Whether the payment is in the ledger, by this file or by one before, or waits for its day.
fn status_of(outcome: RowOutcome, reason: Option<&str>) -> Status {
    match (outcome, reason) {
        (RowOutcome::Posted, _) | (RowOutcome::Duplicate, None) => Status::Settled,
        (RowOutcome::Scheduled, _) | (RowOutcome::Duplicate, Some(SCHEDULED)) => Status::Pending,
        _ => Status::Rejected,
    }
}

fn of_row(row: ImportedRow) -> PaymentStatus {
    let reason = row.reason.as_deref();
    let status = status_of(row.outcome, reason);
    let ids = ids_of_job(row.body.as_deref().unwrap_or_default());
    PaymentStatus { ids, status, reason: why(row.outcome, reason) }
}

/// Why a payment has come to its outcome. `reason` is that of [`ImportedRow`]. What is advised pays nothing twice.
fn why(outcome: RowOutcome, reason: Option<&str>) -> Option<Reason> {
    let words = reason.unwrap_or_default().replace('_', " ");
    let code = rejection_code(reason.unwrap_or_default());
    Some(match (outcome, reason) {
        (RowOutcome::Posted | RowOutcome::Scheduled, _) => return None,
        (RowOutcome::Rejected, _) => (code, words),
        (RowOutcome::Duplicate, None) => {
            ("NARR", "the payment came before and was made then; it is not made again".to_owned())
        }
        (RowOutcome::Duplicate, Some(DEAD)) => {
            ("NARR", format!("the payment came before, and {COULD_NOT_BE_POSTED}"))
        }
        (RowOutcome::Duplicate, Some(CANCELLED)) => (
            "DS02",
            format!("the payment came before and was cancelled; it is not made. To have it made, {ALONE}"),
        ),
        (RowOutcome::Duplicate, Some(SCHEDULED)) => {
            ("NARR", "the payment came before and waits for its day; it is not made twice".to_owned())
        }
        (RowOutcome::Duplicate, Some(_)) => (
            code,
            format!(
                "the payment came before and was rejected then: {words}; it is not tried again. To have it made, {ALONE}"
            ),
        ),
        (RowOutcome::Conflict, None) => (
            "AM05",
            format!(
                "this payment is not made: an earlier payment with the same ids and another content was made. To have this one made as well, {ALONE}"
            ),
        ),
        (RowOutcome::Conflict, Some(DEAD)) => (
            "AM05",
            format!(
                "this payment is not made: an earlier payment has the same ids and another content, and \
                 {COULD_NOT_BE_POSTED}"
            ),
        ),
        (RowOutcome::Conflict, Some(SCHEDULED)) => (
            "AM05",
            format!(
                "this payment is not made: an earlier payment with the same ids and another content waits for its day. To \
                 have this one made as well, {ALONE}"
            ),
        ),
        (RowOutcome::Conflict, Some(_)) => (
            "AM05",
            format!(
                "this payment is not made: an earlier payment has the same ids and another content, and was \
                 rejected: {words}. To have this one made, {ALONE}"
            ),
        ),
        (RowOutcome::Cancelled, _) => {
            ("DS02", format!("the payment was cancelled; it is not made. To have it made, {ALONE}"))
        }
        (RowOutcome::Dead, _) => ("NARR", COULD_NOT_BE_POSTED.to_owned()),
    })
}

/// The reason of a row whose job was dead before, of one whose job was cancelled, and of one whose job is scheduled.
const DEAD: &str = "dead";
const CANCELLED: &str = "cancelled";
const SCHEDULED: &str = "scheduled";

/// Sent again by another name it might be made twice.
const COULD_NOT_BE_POSTED: &str = "it could not be posted; an operator looks after it";

/// The other payments of its message may have been made.
const ALONE: &str = "send it alone in a message with another MsgId";

fn of_refusal(refusal: &Refusal, taken_at: Timestamp) -> PaymentStatus {
    let field = refusal.field.as_deref().unwrap_or_default();
    let is_ahead = field == EXECUTION_DATE && was_ahead(&refusal.raw, taken_at);
    let code = if is_ahead { FUTURE_DATE } else { refusal_code(field) };
    PaymentStatus {
        ids: PaymentIds::of_refused(&refusal.raw),
        status: Status::Rejected,
        reason: Some((code, format!("line {}: {}", refusal.line, refusal.reason))),
    }
}

/// The ids that the reading of the file put into the job; releases before there was `payment` put them into `metadata`.
fn ids_of_job(body: &str) -> PaymentIds {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Body {
        payment: Option<Ids>,
        metadata: Ids,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Ids {
        payment_information_id: Option<String>,
        instruction_id: Option<String>,
        end_to_end_id: Option<String>,
        uetr: Option<String>,
    }
    let Body { payment, metadata } = serde_json::from_str(body).unwrap_or_default();
    let ids = payment.unwrap_or(metadata);
    PaymentIds {
        payment_information: ids.payment_information_id,
        instruction: ids.instruction_id,
        end_to_end: ids.end_to_end_id,
        uetr: ids.uetr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_payment_is_called_done_that_was_not_made() {
        let cases = [
            (RowOutcome::Posted, None, "ACSC", ""),
            (RowOutcome::Rejected, Some("insufficient_funds"), "RJCT", "AM04"),
            (RowOutcome::Duplicate, None, "ACSC", "NARR"),
            (RowOutcome::Duplicate, Some("insufficient_funds"), "RJCT", "AM04"),
            (RowOutcome::Duplicate, Some("dead"), "RJCT", "NARR"),
            (RowOutcome::Conflict, None, "RJCT", "AM05"),
            (RowOutcome::Conflict, Some("account_not_found"), "RJCT", "AM05"),
            (RowOutcome::Conflict, Some("dead"), "RJCT", "AM05"),
            (RowOutcome::Dead, None, "RJCT", "NARR"),
            (RowOutcome::Cancelled, None, "RJCT", "DS02"),
            (RowOutcome::Duplicate, Some("cancelled"), "RJCT", "DS02"),
            (RowOutcome::Conflict, Some("cancelled"), "RJCT", "AM05"),
            (RowOutcome::Scheduled, None, "PDNG", ""),
            (RowOutcome::Duplicate, Some("scheduled"), "PDNG", "NARR"),
            (RowOutcome::Conflict, Some("scheduled"), "RJCT", "AM05"),
        ];
        for (outcome, reason, status, code) in cases {
            let row = ImportedRow {
                row: 1,
                job: domain::id::JobId::from_chance(1, [0; 6]),
                outcome,
                reason: reason.map(str::to_owned),
                body: None,
            };
            let told = of_row(row);
            assert_eq!(told.status.code(), status, "{outcome:?} {reason:?}");
            let (told_code, text) = told.reason.unwrap_or_default();
            assert_eq!(told_code, code, "{outcome:?} {reason:?}");
            // No text advises to send again what is in the ledger, or what an operator may yet post.
            let is_open = outcome == RowOutcome::Dead || reason == Some("dead");
            let is_advised = text.contains("send it");
            assert!(!(is_open || outcome == RowOutcome::Posted) || !is_advised, "{text}");
        }
    }

    #[test]
    fn the_ids_of_jobs_of_earlier_releases_are_found() {
        let now = r#"{"kind":"transfer","metadata":{"end_to_end_id":"other"},"payment":{"end_to_end_id":"E","uetr":"u"}}"#;
        let before = r#"{"kind":"transfer","reference":"M/P/E","metadata":{"payment_information_id":"P","end_to_end_id":"E"}}"#;
        assert_eq!(
            (ids_of_job(now).end_to_end.as_deref(), ids_of_job(now).uetr.as_deref()),
            (Some("E"), Some("u"))
        );
        let before = ids_of_job(before);
        assert_eq!(
            (before.payment_information.as_deref(), before.end_to_end.as_deref()),
            (Some("P"), Some("E"))
        );
        assert_eq!(ids_of_job(r#"{"metadata":{"end_to_end_id":7}}"#), PaymentIds::default());
    }
}
