//! Messages of payments, as payers' programs write them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::bank::Bank;

/// A message with one payment information.
#[derive(Debug, Clone)]
pub struct Message {
    pub id: String,
    pub information: String,
    /// What stands in `ReqdExctnDt`.
    pub date: String,
    pub payer: String,
    pub payments: Vec<Payment>,
}

/// One payment in euros.
#[derive(Debug, Clone)]
pub struct Payment {
    /// What stands in `PmtId`.
    pub ids: String,
    pub cents: i64,
    pub to: String,
    pub name: String,
    /// What stands in `RmtInf`.
    pub remittance: String,
}

/// An account number of no real bank that no other case has, with the check digits that it needs.
fn iban() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1_000);
    let account = format!("12345678{:010}", NEXT.fetch_add(1, Ordering::Relaxed));
    // D and E are 13 and 14; the check digits make the number 1 modulo 97 (ISO 7064).
    let rest = format!("{account}131400")
        .bytes()
        .fold(0_u32, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    format!("DE{:02}{account}", 98 - rest)
}

/// Opens an account with such a number.
pub async fn open(bank: &Bank) -> String {
    let number = iban();
    bank.open_account(&number, "EUR").await;
    number
}

/// A payment with this `EndToEndId`.
pub fn payment(end_to_end: &str, cents: i64, to: &str) -> Payment {
    Payment {
        ids: format!("<EndToEndId>{end_to_end}</EndToEndId>"),
        cents,
        to: to.to_owned(),
        name: "Ann".to_owned(),
        remittance: "<Ustrd>Salary</Ustrd>".to_owned(),
    }
}

impl Message {
    /// A message of these payments, due long ago, whose ids no other case has.
    pub fn new(payer: &str, payments: Vec<Payment>) -> Message {
        Message {
            id: format!("M-{payer}"),
            information: "P-1".to_owned(),
            date: "<Dt>2026-01-31</Dt>".to_owned(),
            payer: payer.to_owned(),
            payments,
        }
    }

    /// The message, with the totals that it comes to.
    pub fn xml(&self) -> String {
        document(&self.id, std::slice::from_ref(self))
    }
}

/// One message of several payment informations.
pub fn document(id: &str, blocks: &[Message]) -> String {
    let payments: Vec<_> = blocks.iter().flat_map(|block| &block.payments).collect();
    let total: i64 = payments.iter().map(|payment| payment.cents).sum();
    let blocks: String = blocks.iter().map(block).collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09">
  <CstmrCdtTrfInitn>
    <GrpHdr>
      <MsgId>{id}</MsgId><CreDtTm>2026-01-30T10:00:00Z</CreDtTm><NbOfTxs>{}</NbOfTxs><CtrlSum>{}</CtrlSum>
      <InitgPty><Nm>Example Ltd</Nm></InitgPty>
    </GrpHdr>
{blocks}  </CstmrCdtTrfInitn>
</Document>
"#,
        payments.len(),
        decimal(total),
    )
}

fn block(message: &Message) -> String {
    let Message { information, date, payer, payments, .. } = message;
    let payments: String = payments.iter().map(transaction).collect();
    format!(
        "    <PmtInf>
      <PmtInfId>{information}</PmtInfId><PmtMtd>TRF</PmtMtd><ReqdExctnDt>{date}</ReqdExctnDt>
      <Dbtr><Nm>Example Ltd</Nm></Dbtr>
      <DbtrAcct><Id><IBAN>{payer}</IBAN></Id></DbtrAcct>
{payments}    </PmtInf>
"
    )
}

fn transaction(payment: &Payment) -> String {
    let Payment { ids, cents, to, name, remittance } = payment;
    let amount = decimal(*cents);
    format!(
        "      <CdtTrfTxInf>
        <PmtId>{ids}</PmtId>
        <Amt><InstdAmt Ccy=\"EUR\">{amount}</InstdAmt></Amt>
        <Cdtr><Nm>{name}</Nm></Cdtr>
        <CdtrAcct><Id><IBAN>{to}</IBAN></Id></CdtrAcct>
        <RmtInf>{remittance}</RmtInf>
      </CdtTrfTxInf>
"
    )
}

fn decimal(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
