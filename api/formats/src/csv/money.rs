//! The amount of a record in minor units, read as its file writes amounts.

use domain::money::{Amount, Currency};

use super::body::{Bodies, Fault, fault};
use super::plan::{Cut, Field};
use super::signs::{Amounted, By};
use super::words;
use crate::decimal::{self, DecimalMark, Direction, Form, NotAnAmount, Parsed, Sign, Written};
use crate::mapping::Target;
use crate::text::shown;

pub type Money = (i64, Direction);

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
            return self.split_money(row, currency, kind);
        }
        let Some(field) = fields.get(&Target::Amount) else { return Ok(None) };
        let word = self.word(row)?.map(|(_, direction)| direction);
        let goes_out = word.or(kind.and_then(words::of_kind)) == Some(Direction::Out);
        let Some(parsed) = self.amount(field, row, currency, &Target::Amount, goes_out)? else {
            return Ok(None);
        };
        let text = field.text.read(row, None, joined);
        let amounted = Amounted { target: Target::Amount, parsed, text, column: None };
        let direction = self.direction(row, &amounted, kind)?;
        Ok(Some((parsed.minor_units.abs(), direction)))
    }

    fn split_money(
        &self,
        row: Cut<'_>,
        currency: Option<Currency>,
        kind: Option<&str>,
    ) -> Result<Option<Money>, Fault> {
        let read = |target: &Target| -> Result<Option<Parsed>, Fault> {
            let Some(field) = self.plan.fields.get(target) else { return Ok(None) };
            let parsed = self.amount(field, row, currency, target, *target == Target::AmountOut)?;
            Ok(parsed.filter(|parsed| parsed.minor_units != 0))
        };
        let (target, parsed, column) = match (read(&Target::AmountIn)?, read(&Target::AmountOut)?) {
            (Some(_), Some(_)) => {
                let reason = "and amount.out are both there; a row goes one way, so correct one of them";
                return Err(fault(&Target::AmountIn, reason.to_owned()));
            }
            (Some(parsed), None) => (Target::AmountIn, parsed, Direction::In),
            (None, Some(parsed)) => (Target::AmountOut, parsed, Direction::Out),
            (None, None) => return Ok(None),
        };
        let mut joined = String::new();
        let field = self.plan.fields.get(&target);
        let text = field.map_or("", |field| field.text.read(row, None, &mut joined));
        let amounted = Amounted { target, parsed, text, column: Some((By::Column, column)) };
        let direction = self.direction(row, &amounted, kind)?;
        Ok(Some((parsed.minor_units.abs(), direction)))
    }

    /// What a field of amounts says: its cell, or the sum of its cells; none where nothing stands in them.
    fn amount(
        &self,
        field: &Field,
        row: Cut<'_>,
        currency: Option<Currency>,
        target: &Target,
        goes_out: bool,
    ) -> Result<Option<Parsed>, Fault> {
        let is_split = *target != Target::Amount;
        let is_listed = field.text.is_listed_sum();
        // Who lists a fee that is taken off has said what a fee without a sign is.
        let may_be_open = is_listed && !field.text.takes_off();
        let mut sum: Result<Option<Parsed>, Fault> = Ok(None);
        let mut terms = 0;
        let mut goes_out = goes_out;
        // A listed term that is taken off and has a minus of its own, and the sum if it is added as it stands.
        let mut signed_fee: Option<String> = None;
        let mut as_signed: Option<Parsed> = None;
        field.text.for_each_term(row, false, &mut |text, is_taken_off| {
            terms += 1;
            let Ok(before) = sum.as_ref().map(|sum| *sum) else { return };
            // A dash alone is an accountant's zero. Where it would be all of an amount, it is none.
            if (is_split || terms > 1 || is_listed) && decimal::is_nothing(text) {
                return;
            }
            sum = self.decimal(text, currency, target).and_then(|own| {
                let is_signed_fee = is_listed && is_taken_off && own.minor_units < 0;
                goes_out |= !is_taken_off && own.mark == Some(Direction::Out);
                let parsed = if is_taken_off { turned(own) } else { own };
                let signed = if is_signed_fee {
                    Parsed { mark: None, sign: Some(Sign::Minus), ..own }
                } else {
                    parsed
                };
                as_signed = as_signed.map_or(Some(signed), |before| add(before, signed).ok());
                if is_signed_fee && !goes_out {
                    signed_fee.get_or_insert_with(|| text.to_owned());
                }
                let Some(before) = before else { return Ok(Some(parsed)) };
                if may_be_open && is_open(before, parsed, goes_out) {
                    return Err(fault(target, two_sums(text)));
                }
                if !is_taken_off && is_bare(before) && own.mark.is_some() && own.minor_units != 0 {
                    return Err(fault(target, one_mark(text)));
                }
                add(before, parsed).map(Some).map_err(|reason| fault(target, reason))
            });
        });
        match (&sum, signed_fee, as_signed) {
            (Ok(Some(taken_off)), Some(fee), Some(added)) if !goes_out => {
                let exponent = self.exponent(currency);
                let [added, taken_off] =
                    [added, *taken_off].map(|sum| decimal::in_units(sum.minor_units, exponent));
                Err(fault(target, two_fees(&fee, &added, &taken_off)))
            }
            _ => sum,
        }
    }

    /// Digits behind the mark of an amount; none where its currency is not known.
    fn exponent(&self, currency: Option<Currency>) -> Option<u16> {
        match (self.amounts.are_minor, currency) {
            (true, _) => Some(0),
            // Codes without minor units (XTS, gold) are counted whole.
            (false, currency) => currency.map(|currency| currency.exponent().unwrap_or(0)),
        }
    }

    pub fn decimal(&self, text: &str, currency: Option<Currency>, target: &Target) -> Result<Parsed, Fault> {
        let Some(exponent) = self.exponent(currency) else {
            return Err(fault(
                &Target::Currency,
                format!(
                    "is missing, so the amount {} cannot be read; map a column or a constant: currency='EUR'",
                    shown(text)
                ),
            ));
        };
        let form = Form {
            decimal: DecimalMark::Point,
            exponent,
            allow_zeros: self.amounts.allow_zeros,
            code: currency.map(Currency::code),
        };
        let form = Form { decimal: self.mark(text, form).map_err(|reason| fault(target, reason))?, ..form };
        decimal::parse(text, form).map_err(|error| fault(target, self.reason(text, form, error)))
    }

    /// The mark before the decimals of an amount.
    fn mark(&self, text: &str, form: Form) -> Result<DecimalMark, String> {
        if self.amounts.are_minor && Written::of(text).is_some_and(|written| written.whole.is_some()) {
            return Err(format!(
                "is {}, which is a whole amount, and amounts=minor counts the smallest units; correct it, or state \
                 amounts=major",
                shown(text)
            ));
        }
        if let Some(mark) = self.amounts.decimal.or(self.writing.decimal()) {
            return Ok(mark);
        }
        if !decimal::is_ambiguous(text) {
            return Ok(decimal::proof(text).unwrap_or(DecimalMark::Point));
        }
        let group = if text.contains('.') { DecimalMark::Point } else { DecimalMark::Comma };
        // A currency without decimals has only groups.
        if form.exponent == 0 && !form.allow_zeros {
            return Ok(group.other());
        }
        let because = match self.writing.contradiction() {
            Some((point, comma)) => format!("the file writes both {} and {}", shown(point), shown(comma)),
            None => "nothing in the file shows whether its mark stands before decimals".to_owned(),
        };
        let readings: Vec<String> =
            [group.other(), group].iter().filter_map(|mark| reading(text, form, *mark)).collect();
        Err(match readings.as_slice() {
            [one, other] => format!("is {}, and {because}; state {one}, or {other}", shown(text)),
            [one] => format!(
                "is {}, and {because}; state {one}; with decimal={} it has more decimals than the currency",
                shown(text),
                group.name()
            ),
            _ => format!("is {}; write a decimal number", shown(text)),
        })
    }

    fn reason(&self, text: &str, form: Form, error: NotAnAmount) -> String {
        let shown = shown(text);
        let (mark, exponent) = (form.decimal.name(), form.exponent);
        let fits_with = |form: Form| decimal::parse(text, form).is_ok();
        match error {
            NotAnAmount::NoNumber => format!("is {shown}; write a decimal number"),
            NotAnAmount::OtherCurrency(name) => match form.code {
                Some(code) => format!(
                    "is {shown}, and {name:?} is no name of {code}, which the row's currency is; correct one of them"
                ),
                None => {
                    format!(
                        "is {shown}, which names a currency, and the row has none; map one: currency='EUR'"
                    )
                }
            },
            NotAnAmount::Groups => {
                let other = form.decimal.other();
                let remedy = if fits_with(Form { decimal: other, ..form }) {
                    format!("correct it, or state decimal={}", other.name())
                } else {
                    "correct it".to_owned()
                };
                format!("is {shown}, whose marks do not fit decimal={mark}; {remedy}")
            }
            NotAnAmount::Decimals(digits) => {
                let has = match form.code {
                    _ if self.amounts.are_minor => "minor units have none".to_owned(),
                    Some(code) => format!("{code} has {exponent}"),
                    None => "its currency has fewer".to_owned(),
                };
                let zeros = if fits_with(Form { allow_zeros: true, ..form }) {
                    "drop the zeros, or state extra_zeros=true"
                } else {
                    "correct it"
                };
                format!("is {shown} with {digits} decimals; {has}: {zeros}")
            }
            NotAnAmount::TooLarge => too_large(&shown),
        }
    }
}

fn too_large(shown: &str) -> String {
    format!("is {shown}; the largest amount is {} minor units, so correct it or split it", Amount::MAX)
}

/// One of two readings, with the settings for it; none if the currency has no such amount.
fn reading(text: &str, form: Form, mark: DecimalMark) -> Option<String> {
    let stated = |form: Form, zeros: &str| {
        let parsed = decimal::parse(text, form).ok()?;
        let amount = decimal::in_units(parsed.minor_units.abs(), Some(form.exponent));
        Some(format!("decimal={}{zeros} if it is {amount}", mark.name()))
    };
    let form = Form { decimal: mark, ..form };
    stated(form, "").or_else(|| stated(Form { allow_zeros: true, ..form }, " and extra_zeros=true"))
}

/// Whether a fee may make an amount larger or smaller: one without a sign beside an amount that has a minus, or the other
/// way round where money goes out. The fee is the smaller of the two.
fn is_open(one: Parsed, other: Parsed, goes_out: bool) -> bool {
    let is_one_larger = one.minor_units.abs() >= other.minor_units.abs();
    let (amount, fee) = if is_one_larger { (one, other) } else { (other, one) };
    let goes_out = goes_out || [one, other].iter().any(|parsed| parsed.mark == Some(Direction::Out));
    let is_minus = |parsed: Parsed| parsed.sign.is_some_and(Sign::is_minus) && parsed.minor_units != 0;
    let has_no_sign = |parsed: Parsed| parsed.sign.is_none() && parsed.minor_units != 0;
    (is_minus(amount) && has_no_sign(fee)) || (goes_out && has_no_sign(amount) && is_minus(fee))
}

/// An amount that says nothing of where it goes.
fn is_bare(parsed: Parsed) -> bool {
    parsed.sign.is_none() && parsed.mark.is_none() && parsed.minor_units != 0
}

/// A term that is taken off.
fn turned(parsed: Parsed) -> Parsed {
    let minor_units = -parsed.minor_units;
    let sign = if minor_units < 0 { Some(Sign::Minus) } else { None };
    Parsed { minor_units, sign, mark: parsed.mark.map(Direction::other) }
}

/// The sum of two terms: signs count, and marks of debit and credit are to be the same.
fn add(one: Parsed, other: Parsed) -> Result<Parsed, String> {
    let mark = match (one.mark, other.mark) {
        (Some(first), Some(second)) if first != second && other.minor_units != 0 => {
            return Err("adds a debit to a credit; write such amounts with a sign".to_owned());
        }
        (first, second) => first.or(second),
    };
    let plain = |parsed: Parsed| match parsed.sign {
        Some(sign) if sign.is_minus() => -parsed.minor_units.abs(),
        None if parsed.mark.is_none() => parsed.minor_units,
        _ => parsed.minor_units.abs(),
    };
    let sum = plain(one).checked_add(plain(other)).filter(|sum| sum.abs() <= Amount::MAX);
    let sum = sum.ok_or_else(|| too_large("the sum of its columns"))?;
    let sign = if sum < 0 {
        [one.sign, other.sign].into_iter().flatten().find(|sign| sign.is_minus()).or(Some(Sign::Minus))
    } else {
        one.sign.or(other.sign).filter(|sign| !sign.is_minus())
    };
    let minor_units = if sign.is_none() && mark == Some(Direction::Out) { -sum } else { sum };
    Ok(Parsed { minor_units, sign, mark })
}

fn two_sums(text: &str) -> String {
    format!(
        "is a sum to which {} is added, and its sign is not that of what stands before it, so the sum may be larger or \
         smaller; where the signs of both columns say what happens to the account, write them as JSON, which adds them \
         as they are: {{\"sum\": [\"A\", \"B\"]}}; where fees have no signs, write +- between the columns to take them off",
        shown(text)
    )
}

fn one_mark(text: &str) -> String {
    format!(
        "adds {} to an amount without a mark (CR or DR), so either could be taken off the other; write such amounts with a \
         sign",
        shown(text)
    )
}

fn two_fees(fee: &str, added: &str, taken_off: &str) -> String {
    // A debit is not added to a credit, so such a mark has to become a sign first.
    let is_marked = Written::of(fee).is_some_and(|written| written.sign.is_none());
    let first = if is_marked {
        "a minus in place of its mark, and + between the columns,"
    } else {
        "+ between the columns"
    };
    format!(
        "takes off {}, which has a minus or a debit mark of its own, so the amount is {added} if that already says that it \
         is taken off, and {taken_off} if it is given back; write {first} for {added}, or the sum as JSON for {taken_off}: \
         {{\"sum\": [\"A\", {{\"minus\": \"B\"}}]}}",
        shown(fee)
    )
}
