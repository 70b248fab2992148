//! ISO 20022 pain.001, customer credit transfer initiation: versions 03, 09 and newer.

mod declaration;
mod exact;
mod execution;
mod first_pass;
mod identity;
mod leaves;
mod meter;
mod named;
pub mod refused;
mod walk;

use domain::money::Currency;
use domain::text::{Memo, Name};
pub use exact::Exact;
pub use execution::ELEMENT as EXECUTION_DATE;
use execution::ExecutionDay;
use first_pass::FirstPass;
use identity::{Ids, Occurrences, Place};
use jiff::Timestamp;
use leaves::Leaves;
pub use leaves::NOT_PROVIDED;
pub use named::{Message, PaymentIds, amount_of_refused, header_of, was_ahead};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use walk::{Step, Walk};

use crate::decimal::{self, DecimalMark, Form, NotAnAmount};
use crate::error::{FileError, RowError};
use crate::reader::{Options, REFUSED_BECAUSE, Reader, Row, RowIdentity};
use crate::source::Source;
use crate::text::one_line;
use crate::{charset, iban, lines};

/// Reads pain.001.
pub struct PainReader {
    walk: Walk,
    iban_prefixes: Vec<String>,
    now: Option<Timestamp>,
    occurrences: Occurrences,
    number: u64,
    rows_total: u64,
    header: Vec<u8>,
}

impl PainReader {
    /// Reads the file to its end and checks its totals, then starts again.
    pub fn open(source: Source, options: &Options) -> Result<PainReader, FileError> {
        let charset = declaration::charset(&source)?;
        let FirstPass { rows_total, header, ids } = FirstPass::of(&source, charset)?;
        if rows_total == 0 {
            return Err(FileError::Empty);
        }
        Ok(PainReader {
            walk: Walk::new(charset.decoded(&source)?),
            iban_prefixes: options.iban_prefixes.clone(),
            now: options.now,
            occurrences: ids.into_occurrences(),
            number: 0,
            rows_total,
            header,
        })
    }

    /// One payment with all that it needs of its payment information.
    fn raw(&self, payment: &str, mark: &str) -> Vec<u8> {
        let head = self.walk.head.trim_end();
        let name = head.trim_start_matches('<').split(|c: char| c.is_whitespace() || c == '>').next();
        format!("{head}{mark}{payment}</{}>", name.unwrap_or_default()).into_bytes()
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
        let line = line + lines::count(payment.get(..at).unwrap_or_default().as_bytes());
        Some(RowError { line, column: None, field: None, reason })
    }

    fn content(
        &self,
        payment: &Leaves,
        ids: &Ids,
        place: Place,
        line: u64,
    ) -> Result<Box<RawValue>, RowError> {
        let refuse = |field: Option<&str>, reason: String| RowError {
            line,
            column: None,
            field: field.map(str::to_owned),
            reason,
        };
        let body = if place.is_taken { Err(marked_twice(place)) } else { self.body(payment, ids) };
        let body = body.map_err(|(field, reason)| refuse(Some(field), format!("{field} {reason}")))?;
        serde_json::value::to_raw_value(&body).map_err(|error| refuse(None, error.to_string()))
    }

    /// The body of a payment, or the element at fault and what is wrong with it.
    fn body(&self, payment: &Leaves, ids: &Ids) -> Result<Map<String, Value>, (&'static str, String)> {
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
        let memo = one_line(&unstructured(payment), true, Memo::CHARS_MAX);
        if !memo.is_empty() {
            put("memo", memo.into());
        }
        let day = ExecutionDay::of(information).map_err(|reason| (EXECUTION_DATE, reason))?;
        if let Some(day) = day {
            put("value_date", day.date.to_string().into());
        }
        put("payment", named(information, payment, ids).into());
        let at = day.map(|day| day.execute_at(self.walk.group.text("CreDtTm"), self.now)).transpose();
        if let Some(at) = at.map_err(|reason| (EXECUTION_DATE, reason))?.flatten() {
            put("execute_at", at.to_string().into());
        }
        Ok(body)
    }
}

impl Reader for PainReader {
    fn next(&mut self) -> Result<Option<Row>, FileError> {
        loop {
            match self.walk.advance()? {
                Step::Payment { leaves, text, line, mark } => {
                    self.number += 1;
                    let ids = Ids::of(&self.walk, &leaves);
                    let place = self.occurrences.next(&ids, mark.as_deref());
                    let money = identity::money_of(&self.walk, &leaves);
                    let content = match self.damage(&text, line) {
                        Some(error) => Err(error),
                        None => self.content(&leaves, &ids, place, line),
                    };
                    let name = self.occurrences.name(&ids, place, &money);
                    return Ok(Some(Row {
                        number: self.number,
                        place: self.number,
                        line,
                        raw: self.raw(&text, &self.occurrences.mark(&ids, place, &money)),
                        content,
                        identity: RowIdentity::Payment(name),
                        former: identity::former_name(&self.walk, &leaves, place),
                    }));
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
        let comment = format!("\n<!-- {}: {} -->\n", REFUSED_BECAUSE, refused::in_comment(reason));
        [comment.as_bytes(), raw].concat()
    }

    fn rows_total(&self) -> u64 {
        self.rows_total
    }
}

/// Two payments that say to be the same one of their message.
fn marked_twice(place: Place) -> (&'static str, String) {
    let reason = format!(
        "is that of a payment before it, with the same note (occurrence {}), which belongs to one payment that was refused; \
         send the other one alone, in a message with a MsgId of its own",
        place.occurrence
    );
    ("PmtId", reason)
}

/// What is said of a payment in words: the text, and of what is structured all that has no place of its own.
fn unstructured(payment: &Leaves) -> String {
    let texts = payment.all("RmtInf/Ustrd");
    let references = payment.all(REFERENCE).skip(1);
    let documents = payment.all("RmtInf/Strd/RfrdDocInf/Nb");
    let more = payment.all("RmtInf/Strd/AddtlRmtInf");
    texts.chain(references).chain(documents).chain(more).collect::<Vec<_>>().join(" ")
}

/// The payee's reference.
const REFERENCE: &str = "RmtInf/Strd/CdtrRefInf/Ref";

/// What the payment is called, and who takes part in it.
fn named(information: &Leaves, payment: &Leaves, ids: &Ids) -> Map<String, Value> {
    let mut named: Map<String, Value> =
        ids.named().map(|(name, id)| (name.to_owned(), Value::from(id))).collect();
    let mut put = |name: &str, text: Option<&str>, may_cut: bool| {
        let line = text.map(|text| one_line(text, may_cut, Name::CHARS_MAX)).filter(|line| !line.is_empty());
        if let Some(line) = line {
            named.insert(name.to_owned(), line.into());
        }
    };
    put("debtor_name", information.text("Dbtr/Nm"), true);
    put("creditor_name", payment.text("Cdtr/Nm"), true);
    put("creditor_reference", payment.text(REFERENCE), false);
    let kinds = ["Cd", "Prtry"].map(|leaf| format!("RmtInf/Strd/CdtrRefInf/Tp/CdOrPrtry/{leaf}"));
    let kinds: Vec<&str> = kinds.iter().flat_map(|path| payment.all(path)).collect();
    // Where some references have a type and others none, whose it is is not known.
    let is_of_first = kinds.len() == payment.all(REFERENCE).count();
    put("creditor_reference_type", kinds.first().copied().filter(|_| is_of_first), false);
    named
}

/// The account below an element, checked if it is an IBAN, and whether it is one.
fn account(leaves: &Leaves, element: &'static str) -> Result<(String, bool), (&'static str, String)> {
    if let Some(number) = leaves.text(&format!("{element}/Id/IBAN")) {
        // Small letters are the same account: in the ledger it has one number.
        let number = iban::compact(number).to_ascii_uppercase();
        return if iban::is_iban(&number) {
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
        .ok_or_else(|| refuse("is missing; equivalent amounts cannot be taken".to_owned()))?;
    let code = payment.currency(PATH).unwrap_or_default();
    let currency: Currency = code.parse().map_err(|error| refuse(format!("is in {code:?}; Ccy {error}")))?;
    let exponent = currency.exponent().unwrap_or(0);
    let form = Form { decimal: DecimalMark::Point, exponent, allow_zeros: true, code: None };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let parsed = if plain { decimal::parse(text, form) } else { Err(NotAnAmount::NoNumber) };
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
