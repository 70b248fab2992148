//! ISO 20022 pain.002, customer payment status report: what became of the payments of a pain.001.
//!
//! Versions `pain.002.001.03` (for pain.001.001.03) and `pain.002.001.10` (for newer ones). Both have what is
//! written here in the same order.

use std::io::{self, Write};

use quick_xml::escape::escape;

/// The most characters of one line of additional information (`Max105Text`).
const INFORMATION_CHARS_MAX: usize = 105;

/// The message that is reported on, and the report's own name.
#[derive(Debug, Clone, Default)]
pub struct Original {
    /// `MsgId` of the report, at most 35 characters.
    pub report_id: String,
    /// When the report is made, as `YYYY-MM-DDThh:mm:ssZ`.
    pub created_at: String,
    /// `MsgId` of the pain.001.
    pub message_id: String,
    /// Its kind, such as `pain.001.001.09`.
    pub message_name: String,
    /// `NbOfTxs` of its group header.
    pub payments: Option<u64>,
    /// `CtrlSum` of its group header, as it is written there.
    pub control_sum: Option<String>,
}

/// What has become of a payment (`ExternalPaymentTransactionStatus1Code`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// `ACSC`: posted.
    Settled,
    /// `RJCT`: refused or rejected.
    Rejected,
    /// `PDNG`: queued, without an outcome yet.
    Pending,
    /// `ACCP`: its form was checked.
    Accepted,
}

impl Status {
    /// The code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Status::Settled => "ACSC",
            Status::Rejected => "RJCT",
            Status::Pending => "PDNG",
            Status::Accepted => "ACCP",
        }
    }
}

/// What has become of one payment.
#[derive(Debug, Clone)]
pub struct PaymentStatus {
    /// `PmtInfId` of the payment information that it stands in.
    pub payment_information_id: String,
    /// `InstrId`, if it has one.
    pub instruction_id: Option<String>,
    /// `EndToEndId`, if it has one.
    pub end_to_end_id: Option<String>,
    /// What has become of it.
    pub status: Status,
    /// Why: a code of ISO 20022's external status reasons, see [`reason_code`], and a text.
    pub reason: Option<(&'static str, String)>,
}

/// The ISO 20022 status reason (`ExternalStatusReason1Code`) of a rejection, by its name in this ledger;
/// `NARR`, told in words, for all that have none.
#[must_use]
pub fn reason_code(rejection: &str) -> &'static str {
    match rejection {
        "account_not_found" => "AC01",
        "account_closed" => "AC04",
        "account_frozen" => "AC06",
        "currency_mismatch" => "AM03",
        "insufficient_funds" => "AM04",
        "duplicate" => "AM05",
        "amount_overflow" => "AM02",
        _ => "NARR",
    }
}

/// Writes a report as the payments come; payments of one payment information come one after another.
pub struct Report<W> {
    out: W,
    /// Of the payment information that is open.
    open: Option<String>,
}

impl<W: Write> Report<W> {
    /// Writes the head.
    ///
    /// # Errors
    /// `out` does.
    pub fn start(mut out: W, original: &Original) -> io::Result<Report<W>> {
        let version = if original.message_name.starts_with("pain.001.001.0")
            && original.message_name.as_str() <= "pain.001.001.03"
        {
            "pain.002.001.03"
        } else {
            "pain.002.001.10"
        };
        write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:{version}\"><CstmrPmtStsRpt>\
             <GrpHdr><MsgId>{}</MsgId><CreDtTm>{}</CreDtTm></GrpHdr>\
             <OrgnlGrpInfAndSts><OrgnlMsgId>{}</OrgnlMsgId><OrgnlMsgNmId>{}</OrgnlMsgNmId>",
            escape(&original.report_id),
            escape(&original.created_at),
            escape(&original.message_id),
            escape(&original.message_name),
        )?;
        if let Some(payments) = original.payments {
            write!(out, "<OrgnlNbOfTxs>{payments}</OrgnlNbOfTxs>")?;
        }
        if let Some(sum) = &original.control_sum {
            write!(out, "<OrgnlCtrlSum>{}</OrgnlCtrlSum>", escape(sum))?;
        }
        out.write_all(b"</OrgnlGrpInfAndSts>")?;
        Ok(Report { out, open: None })
    }

    /// Writes one payment.
    ///
    /// # Errors
    /// `out` does.
    pub fn payment(&mut self, payment: &PaymentStatus) -> io::Result<()> {
        if self.open.as_deref() != Some(&payment.payment_information_id) {
            self.close()?;
            let id = escape(&payment.payment_information_id);
            write!(self.out, "\n<OrgnlPmtInfAndSts><OrgnlPmtInfId>{id}</OrgnlPmtInfId>")?;
            self.open = Some(payment.payment_information_id.clone());
        }
        self.out.write_all(b"\n<TxInfAndSts>")?;
        for (name, id) in
            [("OrgnlInstrId", &payment.instruction_id), ("OrgnlEndToEndId", &payment.end_to_end_id)]
        {
            if let Some(id) = id {
                write!(self.out, "<{name}>{}</{name}>", escape(id))?;
            }
        }
        write!(self.out, "<TxSts>{}</TxSts>", payment.status.code())?;
        if let Some((code, text)) = &payment.reason {
            write!(self.out, "<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn>")?;
            let characters: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            for line in characters.chunks(INFORMATION_CHARS_MAX) {
                let line: String = line.iter().collect();
                write!(self.out, "<AddtlInf>{}</AddtlInf>", escape(&line))?;
            }
            self.out.write_all(b"</StsRsnInf>")?;
        }
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
