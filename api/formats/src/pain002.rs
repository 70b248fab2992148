//! ISO 20022 pain.002, customer payment status report: what became of the payments of a pain.001.
//!
//! Versions `pain.002.001.03` (for pain.001.001.03) and `pain.002.001.10` (for newer ones). Both have what is
//! written here in the same order.

use std::io::{self, Write};

use quick_xml::escape::escape;
use strum::IntoStaticStr;

use crate::error::{FileError, Total};
use crate::pain001::{Message, NOT_PROVIDED, PaymentIds};
use crate::xml::is_allowed;

/// The most characters of one line of additional information (`Max105Text`).
const INFORMATION_CHARS_MAX: usize = 105;

/// The most characters of an id (`Max35Text`).
const ID_CHARS_MAX: usize = 35;

/// The report's own name, the message that it is on, and what has become of that as a whole.
#[derive(Debug, Clone)]
pub struct Original {
    /// `MsgId` of the report, at most 35 characters.
    pub report_id: String,
    /// When the report is made, as `YYYY-MM-DDThh:mm:ssZ`.
    pub created_at: String,
    /// The pain.001.
    pub message: Message,
    /// What has become of it.
    pub status: Status,
    /// Why, if it concerns all of its payments.
    pub reason: Option<Reason>,
    /// How many payments have come to what.
    pub payments: Vec<(Status, u64)>,
}

/// A code of ISO 20022's external status reasons, and a text.
pub type Reason = (&'static str, String);

/// What has become of a payment (`ExternalPaymentTransactionStatus1Code`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
pub enum Status {
    /// Posted.
    #[strum(serialize = "ACSC")]
    Settled,
    /// Refused or rejected.
    #[strum(serialize = "RJCT")]
    Rejected,
    /// Queued, without an outcome yet.
    #[strum(serialize = "PDNG")]
    Pending,
    /// Its form was checked.
    #[strum(serialize = "ACCP")]
    Accepted,
    /// Of a message, some of whose payments have been turned down.
    #[strum(serialize = "PART")]
    Partly,
}

impl Status {
    /// The code.
    pub fn code(self) -> &'static str {
        self.into()
    }
}

/// What has become of one payment.
#[derive(Debug, Clone)]
pub struct PaymentStatus {
    /// What its sender calls it.
    pub ids: PaymentIds,
    /// What has become of it.
    pub status: Status,
    /// Why; see [`rejection_code`] and [`refusal_code`].
    pub reason: Option<Reason>,
}

/// The ISO 20022 status reason (`ExternalStatusReason1Code`) of a rejection, by its name in this ledger;
/// `NARR`, with a text, for all reasons without a code.
pub fn rejection_code(rejection: &str) -> &'static str {
    match rejection {
        "account_not_found" => "AC01",
        "account_closed" => "AC04",
        "account_frozen" => "AC06",
        "amount_overflow" => "AM02",
        "currency_mismatch" => "AM03",
        "insufficient_funds" => "AM04",
        _ => "NARR",
    }
}

/// The status reason of a payment that was refused for one of its elements, or for a field of its job.
pub fn refusal_code(field: &str) -> &'static str {
    match field {
        "DbtrAcct" | "from" | "account" => "AC02",
        "CdtrAcct" | "to" | "counterparty.account" => "AC03",
        "InstdAmt" | "amount" => "AM12",
        "currency" => "AM03",
        // `FUTURE_DATE` where the day is one to come.
        "value_date" | "ReqdExctnDt" => "DT01",
        _ => "NARR",
    }
}

/// The status reason of a payment whose day has not come (`FutureDateNotSupported`).
pub const FUTURE_DATE: &str = "DT04";

/// The status reason of a message that was refused as a whole.
pub fn file_code(error: &FileError) -> &'static str {
    match error {
        FileError::Totals { element: Total::Sum, .. } => "AM10",
        FileError::Totals { element: Total::Payments, .. } => "AM18",
        _ => "FF01",
    }
}

/// Writes a report as the payments come; payments of one payment information come one after another.
pub struct Report<W> {
    out: W,
    /// Of the payment information that is open.
    open: Option<String>,
    /// The version has a place for `UETR`.
    has_uetr: bool,
}

impl Report<Vec<u8>> {
    /// Of which nothing is written.
    pub fn nothing() -> Report<Vec<u8>> {
        Report { out: Vec::new(), open: None, has_uetr: false }
    }

    /// Takes what has been written so far.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

impl<W: Write> Report<W> {
    /// Writes the head.
    ///
    /// # Errors
    /// `out` does.
    pub fn start(mut out: W, original: &Original) -> io::Result<Report<W>> {
        let message = &original.message;
        let name = message.name.as_deref().unwrap_or("pain.001");
        let is_old = name.starts_with("pain.001.001.0") && name <= "pain.001.001.03";
        let version = if is_old { "pain.002.001.03" } else { "pain.002.001.10" };
        write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:{version}\"><CstmrPmtStsRpt>\n\
             <GrpHdr><MsgId>{}</MsgId><CreDtTm>{}</CreDtTm></GrpHdr>\n\
             <OrgnlGrpInfAndSts><OrgnlMsgId>{}</OrgnlMsgId><OrgnlMsgNmId>{}</OrgnlMsgNmId>",
            id(Some(&original.report_id)),
            escape(&original.created_at),
            id(message.id.as_deref()),
            id(Some(name)),
        )?;
        if let Some(payments) = message.payments {
            write!(out, "<OrgnlNbOfTxs>{payments}</OrgnlNbOfTxs>")?;
        }
        if let Some(sum) = &message.control_sum {
            write!(out, "<OrgnlCtrlSum>{}</OrgnlCtrlSum>", escape(sum))?;
        }
        write!(out, "<GrpSts>{}</GrpSts>", original.status.code())?;
        write_reason(&mut out, original.reason.as_ref())?;
        for (status, payments) in original.payments.iter().filter(|(_, payments)| *payments > 0) {
            write!(
                out,
                "<NbOfTxsPerSts><DtldNbOfTxs>{payments}</DtldNbOfTxs><DtldSts>{}</DtldSts></NbOfTxsPerSts>",
                status.code()
            )?;
        }
        out.write_all(b"</OrgnlGrpInfAndSts>")?;
        Ok(Report { out, open: None, has_uetr: !is_old })
    }

    /// Writes one payment.
    ///
    /// # Errors
    /// `out` does.
    pub fn payment(&mut self, payment: &PaymentStatus) -> io::Result<()> {
        let information = id(payment.ids.payment_information.as_deref());
        if self.open.as_deref() != Some(&*information) {
            self.close()?;
            write!(self.out, "\n<OrgnlPmtInfAndSts><OrgnlPmtInfId>{information}</OrgnlPmtInfId>")?;
            self.open = Some(information);
        }
        self.out.write_all(b"\n<TxInfAndSts>")?;
        let ids = &payment.ids;
        for (name, known) in [("OrgnlInstrId", &ids.instruction), ("OrgnlEndToEndId", &ids.end_to_end)] {
            if let Some(known) = known {
                write!(self.out, "<{name}>{}</{name}>", id(Some(known)))?;
            }
        }
        if let Some(uetr) = ids.uetr.as_deref().and_then(uuid).filter(|_| self.has_uetr) {
            write!(self.out, "<OrgnlUETR>{uetr}</OrgnlUETR>")?;
        }
        write!(self.out, "<TxSts>{}</TxSts>", payment.status.code())?;
        write_reason(&mut self.out, payment.reason.as_ref())?;
        self.out.write_all(b"</TxInfAndSts>")
    }

    /// Writes the end, and gives back what was written to.
    ///
    /// # Errors
    /// `out` does.
    pub fn finish(mut self) -> io::Result<W> {
        self.close()?;
        self.out.write_all(b"\n</CstmrPmtStsRpt></Document>\n")?;
        Ok(self.out)
    }

    fn close(&mut self) -> io::Result<()> {
        if self.open.take().is_some() {
            self.out.write_all(b"</OrgnlPmtInfAndSts>")?;
        }
        Ok(())
    }
}

fn write_reason(out: &mut impl Write, reason: Option<&Reason>) -> io::Result<()> {
    let Some((code, text)) = reason else { return Ok(()) };
    write!(out, "<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn>")?;
    let characters: Vec<char> = text.chars().map(|c| if is_allowed(c) { c } else { ' ' }).collect();
    for line in characters.chunks(INFORMATION_CHARS_MAX) {
        let line: String = line.iter().collect();
        write!(out, "<AddtlInf>{}</AddtlInf>", escape(&line))?;
    }
    out.write_all(b"</StsRsnInf>")
}

/// An id as `Max35Text`, in which nothing is empty.
fn id(text: Option<&str>) -> String {
    let text: String =
        text.unwrap_or_default().chars().filter(|c| is_allowed(*c)).take(ID_CHARS_MAX).collect();
    let text = text.trim();
    escape(if text.is_empty() { NOT_PROVIDED } else { text }).into_owned()
}

/// A UETR as `UUIDv4Identifier`, which has small letters; `None` if it is none.
pub fn uuid(uetr: &str) -> Option<String> {
    let uuid = uetr.to_ascii_lowercase();
    let has_form = uuid.len() == 36
        && uuid.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            14 => byte == b'4',
            19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
            _ => byte.is_ascii_hexdigit(),
        });
    has_form.then_some(uuid)
}

#[cfg(test)]
mod tests;
