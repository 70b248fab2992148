//! One record made into the body of a job.

use serde::Serialize;
use serde_json::value::RawValue;
use shared::domain::money::Currency;
use shared::domain::text::{Memo, Name};

use super::super::iban;
use super::super::mapping::{Amounts, Sign, Target};
use super::super::text::one_line;
use super::date::{Candidates, Pattern};
use super::decimal::{self, Form, NotAnAmount, Parsed};
use super::plan::{Cut, Direction, Plan};

/// Why a record is no job: the field, and what is wrong with it.
#[derive(Debug)]
pub struct Fault {
    pub target: Target,
    pub reason: String,
}

/// How dates are read.
#[derive(Debug, Clone)]
pub enum Dates {
    /// As the map says.
    Stated(Pattern, String),
    /// As the file itself allows.
    Found(Candidates),
}

/// Makes bodies of records; keeps its buffers from row to row.
pub struct Bodies {
    pub plan: Plan,
    pub amounts: Amounts,
    pub decimal: super::super::mapping::DecimalMark,
    /// The marks of the file's amounts prove how it writes them, or the map says it.
    pub is_decimal_sure: bool,
    pub dates: Dates,
    json: Vec<u8>,
    joined: String,
}

type Money = (i64, Direction);

/// Words for money that comes in: credit, Haben, bij, crédit …
const IN_WORDS: [&str; 14] = [
    "c",
    "cr",
    "crdt",
    "credit",
    "h",
    "haben",
    "+",
    "in",
    "bij",
    "crédit",
    "gutschrift",
    "i",
    "kredit",
    "cre",
];
/// Words for money that goes out: debit, Soll, af, débit …
const OUT_WORDS: [&str; 15] = [
    "d",
    "dr",
    "dbit",
    "debit",
    "s",
    "soll",
    "-",
    "out",
    "af",
    "débit",
    "lastschrift",
    "belastung",
    "u",
    "debet",
    "deb",
];

impl Bodies {
    /// With empty buffers.
    pub fn new(
        plan: Plan,
        amounts: Amounts,
        decimal: super::super::mapping::DecimalMark,
        is_decimal_sure: bool,
        dates: Dates,
    ) -> Bodies {
        Bodies { plan, amounts, decimal, is_decimal_sure, dates, json: Vec::new(), joined: String::new() }
    }

    /// The body that a record stands for.
    pub fn of(&mut self, row: Cut<'_>) -> Result<Box<RawValue>, Fault> {
        let mut json = std::mem::take(&mut self.json);
        let mut joined = std::mem::take(&mut self.joined);
        json.clear();
        let written = self.write(row, &mut json, &mut joined);
        let body = written.and_then(|()| {
            let text = String::from_utf8(json.clone()).unwrap_or_default();
            RawValue::from_string(text)
                .map_err(|error| fault(&Target::Kind, format!("can not be written: {error}")))
        });
        (self.json, self.joined) = (json, joined);
        body
    }

    fn write(&self, row: Cut<'_>, json: &mut Vec<u8>, joined: &mut String) -> Result<(), Fault> {
        let text = |target: &Target, joined: &mut String| -> Option<String> {
            let text = self.plan.fields.get(target)?.text.read(row, None, joined);
            (!text.is_empty()).then(|| text.to_owned())
        };
        let currency =
            self.plan.fields.get(&Target::Currency).map(|field| field.text.read(row, None, joined));
        let currency = currency.filter(|code| !code.is_empty()).map(|code| {
            code.parse::<Currency>()
                .map_err(|error| fault(&Target::Currency, format!("is {code:?}; it {error}")))
        });
        let currency = currency.transpose()?;
        let kind = text(&Target::Kind, joined);
        let money = self.money(row, currency, kind.as_deref(), joined)?;
        let direction = money.map(|(_, direction)| direction);
        let kind = kind.as_deref().or_else(|| self.kind(direction));
        json.push(b'{');
        if let Some(kind) = kind {
            member(json, "kind", kind);
        }
        if let Some((minor_units, _)) = money {
            member(json, "amount", &minor_units);
        }
        if let Some(currency) = currency {
            member(json, "currency", currency.code());
        }
        self.write_rest(row, direction, currency, json, joined)?;
        json.push(b'}');
        Ok(())
    }

    fn write_rest(
        &self,
        row: Cut<'_>,
        direction: Option<Direction>,
        currency: Option<Currency>,
        json: &mut Vec<u8>,
        joined: &mut String,
    ) -> Result<(), Fault> {
        let (mut counterparty, mut metadata) = (Vec::new(), Vec::new());
        for (target, field) in &self.plan.fields {
            let text = field.text.read(row, direction, joined);
            if text.is_empty() {
                continue;
            }
            let name = target_name(target);
            match target {
                Target::Kind
                | Target::Amount
                | Target::AmountIn
                | Target::AmountOut
                | Target::Direction
                | Target::Currency => (),
                Target::Account | Target::From | Target::To => member(json, name, &*iban::compact(text)),
                Target::CounterpartyAccount => {
                    inner(&mut counterparty, "account", &*iban::compact_if_iban(text))
                }
                Target::CounterpartyName => {
                    inner(&mut counterparty, "name", &one_line(text, field.is_mapped, Name::CHARS_MAX))
                }
                Target::Holder => member(json, name, &one_line(text, field.is_mapped, Name::CHARS_MAX)),
                Target::Memo => member(json, name, &one_line(text, field.is_mapped, Memo::CHARS_MAX)),
                Target::ValueDate => member(json, name, &self.date(text)?),
                Target::OverdraftLimit => {
                    let limit = self.decimal(text, currency, target)?;
                    member(json, name, &limit.minor_units);
                }
                Target::Legs => {
                    let legs: &RawValue = serde_json::from_str(text).map_err(|error| {
                        fault(
                            target,
                            format!("is no JSON: {error}; write [{{\"account\":…,\"amount\":…}}, …]"),
                        )
                    })?;
                    member(json, name, legs);
                }
                Target::Hold | Target::ExpiresAt | Target::Job | Target::Reference => {
                    member(json, name, text)
                }
                Target::Metadata(key) => inner(&mut metadata, key, text),
            }
        }
        for (name, members) in [("counterparty", counterparty), ("metadata", metadata)] {
            if !members.is_empty() {
                key(json, name);
                json.push(b'{');
                json.extend_from_slice(&members);
                json.push(b'}');
            }
        }
        Ok(())
    }

    /// What a row without a kind is.
    fn kind(&self, direction: Option<Direction>) -> Option<&'static str> {
        let has = |target| self.plan.fields.contains_key(&target);
        match direction? {
            _ if has(Target::From) || has(Target::To) => Some("transfer"),
            Direction::In => Some("deposit"),
            Direction::Out => Some("withdrawal"),
        }
    }

    /// The amount in minor units, and which way it goes.
    fn money(
        &self,
        row: Cut<'_>,
        currency: Option<Currency>,
        kind: Option<&str>,
        joined: &mut String,
    ) -> Result<Option<Money>, Fault> {
        let fields = &self.plan.fields;
        if fields.contains_key(&Target::AmountIn) || fields.contains_key(&Target::AmountOut) {
            return self.split_money(row, currency, joined);
        }
        let Some(field) = fields.get(&Target::Amount) else { return Ok(None) };
        let text = field.text.read(row, None, joined);
        if text.is_empty() {
            return Ok(None);
        }
        let parsed = self.decimal(text, currency, &Target::Amount)?;
        let size = parsed.minor_units.abs();
        let flag = fields.get(&Target::Direction).map(|field| field.text.read(row, None, joined));
        if let Some(flag) = flag.filter(|flag| !flag.is_empty()) {
            let flagged = self.flag(flag)?;
            if parsed.minor_units < 0 && flagged == Direction::In {
                return Err(fault(
                    &Target::Amount,
                    format!(
                        "is below zero and marked {flag:?}, which is money that comes in; correct one of them"
                    ),
                ));
            }
            return Ok(Some((size, flagged)));
        }
        let is_negative = parsed.minor_units < 0;
        let direction = match self.amounts.sign {
            Sign::NegativeOut if is_negative => Direction::Out,
            Sign::PositiveOut if !is_negative => Direction::Out,
            Sign::NegativeOut | Sign::PositiveOut => Direction::In,
            Sign::Ignored => {
                if kind == Some("withdrawal") {
                    Direction::Out
                } else {
                    Direction::In
                }
            }
        };
        let is_one_way =
            kind.is_some() || fields.contains_key(&Target::From) || fields.contains_key(&Target::To);
        let may_be_negative = !is_one_way
            || self.amounts.sign == Sign::Ignored
            || kind == Some("withdrawal")
            || (kind == Some("deposit") && self.amounts.sign == Sign::PositiveOut);
        if is_negative && !may_be_negative {
            let reason = "is below zero; write it without a sign, or state sign=ignored".to_owned();
            return Err(fault(&Target::Amount, reason));
        }
        Ok(Some((size, direction)))
    }

    fn split_money(
        &self,
        row: Cut<'_>,
        currency: Option<Currency>,
        joined: &mut String,
    ) -> Result<Option<Money>, Fault> {
        let mut read = |target: &Target| -> Result<Option<i64>, Fault> {
            let Some(field) = self.plan.fields.get(target) else { return Ok(None) };
            let text = field.text.read(row, None, joined);
            if text.is_empty() || text == "-" {
                return Ok(None);
            }
            self.decimal(text, currency, target)
                .map(|parsed| Some(parsed.minor_units).filter(|minor| *minor != 0))
        };
        match (read(&Target::AmountIn)?, read(&Target::AmountOut)?) {
            (Some(_), Some(_)) => {
                Err(fault(&Target::AmountIn, "and amount.out are both there; a row goes one way".to_owned()))
            }
            // A debit may be written with its minus. A credit below zero takes money back.
            (_, Some(out)) => Ok(Some((out.abs(), Direction::Out))),
            (Some(minor), None) if minor < 0 => Ok(Some((-minor, Direction::Out))),
            (Some(minor), None) => Ok(Some((minor, Direction::In))),
            (None, None) => Ok(None),
        }
    }

    fn flag(&self, text: &str) -> Result<Direction, Fault> {
        let text = text.to_lowercase();
        let is_one = |words: &[String], usual: &[&str]| {
            if words.is_empty() {
                usual.contains(&text.as_str())
            } else {
                words.iter().any(|word| word.to_lowercase() == text)
            }
        };
        if is_one(&self.amounts.out_words, &OUT_WORDS) {
            Ok(Direction::Out)
        } else if is_one(&self.amounts.in_words, &IN_WORDS) {
            Ok(Direction::In)
        } else {
            Err(fault(
                &Target::Direction,
                format!("is {text:?}; name the words for it with in_words= and out_words="),
            ))
        }
    }

    fn decimal(&self, text: &str, currency: Option<Currency>, target: &Target) -> Result<Parsed, Fault> {
        let shown = shown(text);
        let exponent = match (self.amounts.are_minor, currency) {
            (true, _) => 0,
            // Codes without minor units (XTS, gold) are counted whole.
            (false, Some(currency)) => currency.exponent().unwrap_or(0),
            (false, None) => {
                return Err(fault(
                    &Target::Currency,
                    format!(
                        "is missing, so the amount {shown} can not be read; map a column or a constant: currency='EUR'"
                    ),
                ));
            }
        };
        if !self.is_decimal_sure && decimal::is_ambiguous(text) && exponent != 0 {
            let reason = format!(
                "is {shown}, and nothing in the file tells whether the mark stands before decimals; state decimal=comma or decimal=point"
            );
            return Err(fault(target, reason));
        }
        let form = Form { decimal: self.decimal, exponent, allow_zeros: self.amounts.allow_zeros };
        decimal::parse(text, form).map_err(|error| {
            let code = currency.map_or("minor units", Currency::code);
            let reason = match error {
                NotAnAmount::NoNumber => format!("is {shown}; write a decimal number"),
                NotAnAmount::Groups => format!(
                    "is {shown}, whose marks do not fit decimal={}; correct it, or state the other",
                    self.mark_name()
                ),
                NotAnAmount::Decimals(digits) => {
                    format!("is {shown} with {digits} decimals; {code} has {exponent}")
                }
                NotAnAmount::TooLarge => {
                    format!("is {shown}; the largest amount is 9007199254740991 minor units")
                }
            };
            fault(target, reason)
        })
    }

    fn mark_name(&self) -> &'static str {
        match self.decimal {
            super::super::mapping::DecimalMark::Comma => "comma",
            super::super::mapping::DecimalMark::Point => "point",
        }
    }

    fn date(&self, text: &str) -> Result<String, Fault> {
        let shown = shown(text);
        let refuse = |reason: String| fault(&Target::ValueDate, reason);
        match &self.dates {
            Dates::Stated(pattern, form) => {
                let date = pattern.read(text);
                date.map(|date| date.to_string())
                    .ok_or_else(|| refuse(format!("is {shown}; it should be {form}")))
            }
            Dates::Found(candidates) => match candidates.read(text) {
                Ok(Some(date)) => Ok(date.to_string()),
                Ok(None) => {
                    Err(refuse(format!("is {shown}, which is no date; state the form: date=DD.MM.YYYY")))
                }
                Err([one, other]) => Err(refuse(format!(
                    "is {shown}, which may be {one} or {other}; state the form: date=DD/MM/YYYY"
                ))),
            },
        }
    }
}

fn fault(target: &Target, reason: String) -> Fault {
    Fault { target: target.clone(), reason }
}

fn target_name(target: &Target) -> &'static str {
    Target::NAMED.iter().find(|(_, named)| named == target).map_or("", |(name, _)| *name)
}

fn shown(text: &str) -> String {
    let start: String = text.chars().take(40).collect();
    format!("{start:?}")
}

fn key(json: &mut Vec<u8>, name: &str) {
    if !matches!(json.last(), Some(b'{')) {
        json.push(b',');
    }
    let _ = serde_json::to_writer(&mut *json, name);
    json.push(b':');
}

/// Writing to memory does not fail.
fn member(json: &mut Vec<u8>, name: &str, value: &(impl Serialize + ?Sized)) {
    key(json, name);
    let _ = serde_json::to_writer(&mut *json, value);
}

/// A member of an object whose brackets come later.
fn inner(json: &mut Vec<u8>, name: &str, text: &str) {
    if !json.is_empty() {
        json.push(b',');
    }
    let _ = serde_json::to_writer(&mut *json, name);
    json.push(b':');
    let _ = serde_json::to_writer(&mut *json, text);
}
