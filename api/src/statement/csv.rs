//! Statements as comma-separated values (RFC 4180): see `docs/formats/statement-csv.md`.

use formats::in_units;

use super::line::Line;
use super::writer::{Head, Writer};
use crate::csv::quoted;
use crate::rfc3339::day;

/// A row for the opening balance, one for each entry, and one for the closing balance.
pub struct Csv;

/// Spreadsheets take a file without it for one in the charset of the machine.
const BYTE_ORDER_MARK: &str = "\u{feff}";

const HEADER: &str = "type,number,booking_date,value_date,amount,balance,currency,counterparty_name,\
                      counterparty_account,memo,kind,reference,job,end_to_end_id,instruction_id,uetr,message_id,\
                      payment_information_id,creditor_reference,creditor_reference_type\r\n";

impl Writer for Csv {
    fn begin(&self, head: &Head) -> String {
        format!(
            "{BYTE_ORDER_MARK}{HEADER}{}",
            balance(head, "opening_balance", head.range.opening, head.from())
        )
    }

    fn entry(&self, text: &mut String, head: &Head, line: &Line<'_>) {
        let (entry, currency) = (&line.record.entry, head.range.account.currency);
        let (other, payment) = (&line.counterparty, &line.payment);
        let cells = [
            "entry".to_owned(),
            entry.seq.to_string(),
            line.booking_date.to_string(),
            line.value_date.to_string(),
            in_units(entry.amount, currency.exponent()),
            in_units(entry.balance_after, currency.exponent()),
            currency.to_string(),
            quoted(other.name.as_deref()),
            quoted(other.account.as_deref()),
            quoted(line.memo.as_deref()),
            line.kind().to_string(),
            quoted(line.reference.as_deref()),
            line.job().to_string(),
            quoted(payment.end_to_end_id.as_deref()),
            quoted(payment.instruction_id.as_deref()),
            quoted(payment.uetr.as_deref()),
            quoted(payment.message_id.as_deref()),
            quoted(payment.payment_information_id.as_deref()),
            quoted(payment.creditor_reference.as_deref()),
            quoted(payment.creditor_reference_type.as_deref()),
        ];
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }

    fn end(&self, head: &Head) -> String {
        balance(head, "closing_balance", head.range.closing, head.until() - 1)
    }
}

fn balance(head: &Head, kind: &str, balance: i64, at: i64) -> String {
    let currency = head.range.account.currency;
    format!("{kind},,{},,,{},{currency},,,,,,,,,,,,,\r\n", day(at), in_units(balance, currency.exponent()))
}
