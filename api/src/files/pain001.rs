//! ISO 20022 pain.001, customer credit transfer initiation: versions 03, 09 and newer.

mod exact;
mod leaves;
mod named;
mod walk;

use std::io::Read as _;

pub use exact::Exact;
use leaves::Leaves;
pub use named::{Message, PaymentIds, amount_of_refused, header_of};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use shared::domain::money::Currency;
use shared::domain::text::{Memo, Name};
use walk::{Step, Walk};

use super::charset::{self, Charset, Length};
use super::csv::{Form, NotAnAmount, parse_decimal};
use super::mapping::DecimalMark;
use super::source::Source;
use super::text::one_line;
use super::{FileError, Options, Reader, Row, RowError, Total, iban, refused};

/// The end-to-end id of who has none.
const NOT_PROVIDED: &str = "NOTPROVIDED";

/// Reads pain.001.
pub struct PainReader {
    walk: Walk,
    iban_prefixes: Vec<String>,
    number: u64,
    rows_total: u64,
    header: Vec<u8>,
}

/// What a header says of the payments below it, and what there is.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    payments: u64,
    sum: Exact,
}

impl Tally {
    fn add(&mut self, amount: Exact) -> Option<()> {
        self.payments += 1;
        self.sum = self.sum.checked_add(amount)?;
        Some(())
    }

    /// Compares with what is stated; names both figures where they differ.
    fn check(self, stated: &Leaves, place: &str, is_count_required: bool) -> Result<(), FileError> {
        let advice = "nothing of the file was taken; correct the totals or the payments";
        let refuse = |element, reason| Err(FileError::Totals { element, reason });
        match stated.text("NbOfTxs") {
            Some(count) if count.parse() == Ok(self.payments) => (),
            Some(count) => {
                let found = self.payments;
                let reason =
                    format!("{place} says NbOfTxs {count}, but there are {found} payments; {advice}");
                return refuse(Total::Payments, reason);
            }
            None if is_count_required => {
                return refuse(Total::Payments, format!("{place} has no NbOfTxs; {advice}"));
            }
            None => (),
        }
        match stated.text("CtrlSum") {
            Some(sum) if Exact::parse(sum) != Some(self.sum) => {
                let found = self.sum;
                let reason = format!("{place} says CtrlSum {sum}, but the payments sum to {found}; {advice}");
                refuse(Total::Sum, reason)
            }
            _ => Ok(()),
        }
    }
}

impl PainReader {
    /// Reads the file to its end and checks its totals, then starts again.
    pub fn open(source: Source, options: &Options) -> Result<PainReader, FileError> {
        let charset = charset::find(&source, Some(&declared_charset(&source)?), Length::Any)?;
        let (rows_total, header) = check_totals(&source, charset)?;
        if rows_total == 0 {
            return Err(FileError::Empty);
        }
        let walk = Walk::new(charset.decoded(&source)?);
        Ok(PainReader { walk, iban_prefixes: options.iban_prefixes.clone(), number: 0, rows_total, header })
    }

    fn is_here(&self, account: &str, is_iban: bool) -> bool {
        self.iban_prefixes.is_empty()
            || (is_iban
                && self.iban_prefixes.iter().any(|prefix| account.starts_with(&prefix.to_ascii_uppercase())))
    }

    /// What of a payment, or of what stands before the payments of its block, is no text.
    fn damage(&self, payment: &str, line: u64) -> Option<RowError> {
        let fault = |text: &str| charset::damage(text.as_bytes(), false);
        let (at, reason) =
            fault(payment).or_else(|| fault(&self.walk.head).map(|(_, reason)| (0, reason)))?;
        let line = line + super::lines::count(payment.get(..at).unwrap_or_default().as_bytes());
        Some(RowError { line, column: None, field: None, reason })
    }

    fn content(&self, payment: &Leaves, line: u64) -> Result<Box<RawValue>, RowError> {
        let body = self.body(payment).map_err(|(field, reason)| RowError {
            line,
            column: None,
            field: Some(field.to_owned()),
            reason: format!("{field} {reason}"),
        })?;
        serde_json::value::to_raw_value(&body).map_err(|error| RowError {
            line,
            column: None,
            field: None,
            reason: error.to_string(),
        })
    }

    /// The body of a payment, or the element at fault and what is wrong with it.
    fn body(&self, payment: &Leaves) -> Result<Map<String, Value>, (&'static str, String)> {
        let information = &self.walk.information;
        // TRA is a transfer of which the debtor is to be advised.
        if let Some(method) = information.text("PmtMtd").filter(|method| !["TRF", "TRA"].contains(method)) {
            return Err(("PmtMtd", format!("is {method}; only transfers (TRF, TRA) can be taken")));
        }
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        let (from, _) = account(information, "DbtrAcct")?;
        let (to, is_iban) = account(payment, "CdtrAcct")?;
        let (amount, currency) = amount(payment)?;
        if self.is_here(&to, is_iban) {
            put("kind", "transfer".into());
            put("from", from.into());
            put("to", to.into());
        } else {
            let mut counterparty = json!({ "account": to });
            if let Some(name) = payment.text("Cdtr/Nm") {
                counterparty["name"] = one_line(name, true, Name::CHARS_MAX).into();
            }
            put("kind", "withdrawal".into());
            put("account", from.into());
            put("counterparty", counterparty);
        }
        put("amount", amount.into());
        put("currency", currency.code().into());
        let lines: Vec<&str> = payment.all("RmtInf/Ustrd").collect();
        let memo = if lines.is_empty() {
            payment.text("RmtInf/Strd/CdtrRefInf/Ref").unwrap_or_default().to_owned()
        } else {
            lines.join(" ")
        };
        let memo = one_line(&memo, true, Memo::CHARS_MAX);
        if !memo.is_empty() {
            put("memo", memo.into());
        }
        let day = ["ReqdExctnDt", "ReqdExctnDt/Dt", "ReqdExctnDt/DtTm"]
            .iter()
            .find_map(|path| information.text(path));
        if let Some(day) = day {
            // A time of day or a zone may follow.
            put("value_date", day.get(..10).unwrap_or(day).into());
        }
        let ids = [
            ("message_id", self.walk.group.text("MsgId")),
            ("payment_information_id", information.text("PmtInfId")),
            ("instruction_id", payment.text("PmtId/InstrId")),
            ("end_to_end_id", payment.text("PmtId/EndToEndId")),
        ];
        let metadata: Map<String, Value> =
            ids.iter().filter_map(|(name, id)| Some(((*name).to_owned(), Value::from((*id)?)))).collect();
        if let [(_, Some(message)), (_, information), _, (_, Some(end_to_end))] = ids
            && end_to_end != NOT_PROVIDED
        {
            // Ids are unique within their message only.
            put("reference", format!("{message}/{}/{end_to_end}", information.unwrap_or_default()).into());
        }
        put("metadata", metadata.into());
        Ok(body)
    }
}

impl Reader for PainReader {
    fn next(&mut self) -> Result<Option<Row>, FileError> {
        loop {
            match self.walk.advance()? {
                Step::Payment { leaves, text, line } => {
                    self.number += 1;
                    let content = match self.damage(&text, line) {
                        Some(error) => Err(error),
                        None => self.content(&leaves, line),
                    };
                    // One payment with all that it needs of its payment information.
                    let name = self.walk.head.split_inclusive('>').next().unwrap_or_default();
                    let name =
                        name.trim_start_matches('<').split(|c: char| c.is_whitespace() || c == '>').next();
                    let raw = format!("{}{text}</{}>", self.walk.head.trim_end(), name.unwrap_or_default());
                    return Ok(Some(Row { number: self.number, line, raw: raw.into_bytes(), content }));
                }
                Step::End => return Ok(None),
                Step::Group | Step::Information => (),
            }
        }
    }

    fn header(&self) -> &[u8] {
        &self.header
    }

    fn refused(&self, raw: &[u8], reason: &str) -> Vec<u8> {
        let comment = format!("\n<!-- {}: {} -->\n", refused::REFUSED_BECAUSE, refused::in_comment(reason));
        [comment.as_bytes(), raw].concat()
    }

    fn rows_total(&self) -> u64 {
        self.rows_total
    }
}

/// The first pass: how many payments there are, and the header of a file of some of them.
fn check_totals(source: &Source, charset: Charset) -> Result<(u64, Vec<u8>), FileError> {
    let mut walk = Walk::new(charset.decoded(source)?);
    let (mut all, mut some) = (Tally::default(), Tally::default());
    let mut header = None;
    loop {
        match walk.advance()? {
            Step::Group => {
                if let Some((_, reason)) = charset::damage(walk.header.as_bytes(), false) {
                    return Err(FileError::Xml {
                        line: walk.line(),
                        reason: format!("the group header {reason}"),
                    });
                }
                header = Some(walk.header.clone());
            }
            Step::Payment { leaves, line, .. } => {
                // What is no amount is a fault of its payment; the sum shows that it is missing.
                let amount = Exact::parse(stated_amount(&leaves)).unwrap_or_default();
                let added = all.add(amount).and(some.add(amount));
                added.ok_or_else(|| FileError::Xml {
                    line,
                    reason: "the payments sum to more than any control sum".to_owned(),
                })?;
            }
            Step::Information => {
                let id = walk.information.text("PmtInfId").unwrap_or_default();
                let place = format!("payment information {id:?} (which ends in line {})", walk.line());
                std::mem::take(&mut some).check(&walk.information, &place, false)?;
            }
            Step::End => break,
        }
    }
    let header = header.ok_or(FileError::Xml {
        line: 1,
        reason: "there is no GrpHdr; send a whole pain.001 message".to_owned(),
    })?;
    all.check(&walk.group, "the group header", true)?;
    Ok((all.payments, header.into_bytes()))
}

/// What a payment adds to the control sum, in whatever currency.
fn stated_amount(payment: &Leaves) -> &str {
    payment.text("Amt/InstdAmt").or(payment.text("Amt/EqvtAmt/Amt")).unwrap_or_default()
}

/// The account below an element, checked if it is an IBAN, and whether it is one.
fn account(leaves: &Leaves, element: &'static str) -> Result<(String, bool), (&'static str, String)> {
    if let Some(number) = leaves.text(&format!("{element}/Id/IBAN")) {
        // Small letters are the same account: in the books it has one number.
        let number = iban::compact(number).to_ascii_uppercase();
        return if iban::is_sound(&number) {
            Ok((number, true))
        } else {
            Err((
                element,
                format!("has the IBAN {number:?}, whose check digits, length or form are wrong; correct it"),
            ))
        };
    }
    let other = leaves.text(&format!("{element}/Id/Othr/Id"));
    let number = other.ok_or_else(|| (element, "has no account; give an IBAN".to_owned()))?;
    Ok((iban::compact(number).into_owned(), false))
}

fn amount(payment: &Leaves) -> Result<(i64, Currency), (&'static str, String)> {
    const PATH: &str = "Amt/InstdAmt";
    let refuse = |reason: String| ("InstdAmt", reason);
    let text = payment
        .text(PATH)
        .ok_or_else(|| refuse("is missing; equivalent amounts can not be taken".to_owned()))?;
    let code = payment.currency(PATH).unwrap_or_default();
    let currency: Currency = code.parse().map_err(|error| refuse(format!("is in {code:?}; Ccy {error}")))?;
    let exponent = currency.exponent().unwrap_or(0);
    let form = Form { decimal: DecimalMark::Point, exponent, allow_zeros: true, code: None };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let parsed = if plain { parse_decimal(text, form) } else { Err(NotAnAmount::NoNumber) };
    match parsed {
        Ok(parsed) if parsed.minor_units > 0 => Ok((parsed.minor_units, currency)),
        Ok(_) => Err(refuse(format!("is {text}; a payment needs an amount above zero"))),
        Err(NotAnAmount::Decimals(digits)) => {
            Err(refuse(format!("is {text} with {digits} decimals; {code} has {exponent}")))
        }
        Err(NotAnAmount::TooLarge) => {
            Err(refuse(format!("is {text}; the largest amount is 9007199254740991 minor units")))
        }
        Err(_) => Err(refuse(format!("is {text:?}; write digits and at most one point"))),
    }
}

/// The charset that the XML declaration names; UTF-8 without one.
fn declared_charset(source: &Source) -> Result<String, FileError> {
    let mut start = Vec::new();
    source.pass()?.take(256).read_to_end(&mut start)?;
    let start = String::from_utf8_lossy(&start);
    let declaration = start.split("?>").next().unwrap_or_default();
    let named = declaration.split_once("encoding").and_then(|(_, rest)| {
        let rest = rest.trim_start().strip_prefix('=')?.trim_start();
        let quote = rest.chars().next().filter(|c| "\"'".contains(*c))?;
        rest.get(1..)?.split(quote).next()
    });
    // What was read byte by byte is no UTF-16, whatever it says: some programs write the name of their own strings' form.
    let is_possible = |name: &&str| {
        !name.is_empty() && !name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("utf-16"))
    };
    Ok(named.filter(is_possible).unwrap_or("utf-8").to_owned())
}
