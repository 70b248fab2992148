//! What a message and its payments are called: of all that is kept of them once the file is gone.

use std::io::Cursor;

use jiff::Timestamp;

use super::exact::Exact;
use super::execution::ExecutionDay;
use super::leaves::Leaves;
use super::refused::TOTALS_MARK;
use super::walk::{Step, Walk};
use super::{declaration, first_pass};
use crate::error::FileError;
use crate::source::{Input, Source};

/// A message, by its group header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// `MsgId`.
    pub id: Option<String>,
    /// Its kind, such as `pain.001.001.09`.
    pub name: Option<String>,
    /// `NbOfTxs`, if it is a number.
    pub payments: Option<u64>,
    /// `CtrlSum`, if it is a number, as it is written.
    pub control_sum: Option<String>,
}

/// A payment, by what its sender calls it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentIds {
    /// `PmtInfId` of the payment information that it stands in.
    pub payment_information: Option<String>,
    /// `InstrId`.
    pub instruction: Option<String>,
    /// `EndToEndId`.
    pub end_to_end: Option<String>,
    /// `UETR`.
    pub uetr: Option<String>,
}

impl Message {
    /// Of a [header](crate::Reader::header); what is not in it is absent.
    pub fn of_header(header: &[u8]) -> Message {
        let mut walk = Walk::new(Box::new(Cursor::new(header.to_vec())));
        if !matches!(walk.advance(), Ok(Step::Group)) {
            return Message::default();
        }
        let header = String::from_utf8_lossy(header);
        let totals = header.split_once(TOTALS_MARK).and_then(|(_, rest)| rest.split_once("-->"));
        let mut totals = totals.map_or("", |(totals, _)| totals).split(' ').skip(1);
        let name = walk.namespace.find("pain.001").and_then(|at| walk.namespace.get(at..));
        Message {
            id: walk.group.text("MsgId").map(str::to_owned),
            // What follows the version is a country's own, as in `pain.001.001.03.ch.02`.
            name: name.map(|name| name.chars().take("pain.001.001.09".len()).collect()),
            payments: totals.next().and_then(|count| count.parse().ok()),
            control_sum: totals.next().filter(|sum| !sum.is_empty()).map(str::to_owned),
        }
    }
}

impl PaymentIds {
    /// Of a payment as [`Reader::refused`](crate::Reader::refused) wrote it.
    pub fn of_refused(row: &[u8]) -> PaymentIds {
        let Some((information, leaves)) = payment_of_refused(row) else { return PaymentIds::default() };
        PaymentIds {
            payment_information: information.text("PmtInfId").map(str::to_owned),
            instruction: leaves.text("PmtId/InstrId").map(str::to_owned),
            end_to_end: leaves.text("PmtId/EndToEndId").map(str::to_owned),
            uetr: leaves.text("PmtId/UETR").map(str::to_owned),
        }
    }
}

/// Whether a payment, by its row as [`Reader::refused`](crate::Reader::refused) wrote it, was to be made on a day that
/// had not begun at that time.
pub fn was_ahead(row: &[u8], at: Timestamp) -> bool {
    let day =
        payment_of_refused(row).and_then(|(information, _)| ExecutionDay::of(&information).ok().flatten());
    day.is_some_and(|day| day.is_ahead(at))
}

/// What a payment adds to the control sum, of its row as [`Reader::refused`](crate::Reader::refused) wrote it;
/// `None` where it has no amount that could be added.
pub fn amount_of_refused(row: &[u8]) -> Option<Exact> {
    let (_, leaves) = payment_of_refused(row)?;
    Exact::parse(first_pass::stated_amount(&leaves))
}

/// The leaves of the payment information and of the payment.
fn payment_of_refused(row: &[u8]) -> Option<(Leaves, Leaves)> {
    let text = [b"<Document><CstmrCdtTrfInitn>".as_slice(), row].concat();
    let mut walk = Walk::new(Box::new(Cursor::new(text)));
    match walk.advance() {
        Ok(Step::Payment { leaves, .. }) => Some((std::mem::take(&mut walk.information), leaves)),
        _ => None,
    }
}

/// The header of a message whose rest may not be sound; see [`crate::Reader::header`].
///
/// # Errors
/// It is not sound as far as the end of its header.
pub fn header_of(file: impl Input + 'static) -> Result<Vec<u8>, FileError> {
    let source = Source::new(Box::new(file))?;
    let charset = declaration::charset(&source)?;
    let mut walk = Walk::new(charset.decoded(&source)?);
    loop {
        match walk.advance()? {
            Step::Group => return Ok(walk.header.into_bytes()),
            Step::End => return Ok(Vec::new()),
            Step::Payment { .. } | Step::Information => (),
        }
    }
}
