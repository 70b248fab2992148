//! The amount of a record, and which way the money goes.

use shared::domain::money::Currency;

use super::super::mapping::{DecimalMark, Sign, Target};
use super::body::{Bodies, Fault, fault, shown};
use super::decimal::{self, Form, NotAnAmount, Parsed};
use super::plan::{Cut, Direction};

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
    /// The amount in minor units, and which way it goes.
    pub fn money(
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
        let is_one_way = kind.is_some() || self.is_one_way();
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

    /// Whether the map says where money comes from or goes to, and the same for all rows: then no sign turns it round.
    fn is_one_way(&self) -> bool {
        let fields = [Target::From, Target::To].map(|target| self.plan.fields.get(&target));
        let turns = |field: &super::plan::Field| field.text.turns();
        fields.iter().any(Option::is_some) && !fields.iter().all(|field| field.is_some_and(turns))
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

    pub fn decimal(&self, text: &str, currency: Option<Currency>, target: &Target) -> Result<Parsed, Fault> {
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
        let form = Form {
            decimal: self.decimal,
            exponent,
            allow_zeros: self.amounts.allow_zeros,
            code: currency.map(Currency::code),
        };
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
            DecimalMark::Comma => "comma",
            DecimalMark::Point => "point",
        }
    }
}
