//! One record made into the body of a job.

use domain::money::Currency;
use domain::text::{Memo, Name};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::date::Dates;
use super::plan::{Cut, Field, Plan, Text};
use super::reasons::Doubt;
use super::writing::Writing;
use crate::decimal::{self, Direction};
use crate::iban;
use crate::mapping::{Amounts, Target};
use crate::text::one_line;

/// Why a record is no job: the field, and what is wrong with it.
#[derive(Debug)]
pub struct Fault {
    pub target: Target,
    pub reason: String,
}

/// Makes bodies of records; keeps its buffers from row to row.
pub struct Bodies {
    pub plan: Plan,
    pub amounts: Amounts,
    /// What the file's amounts prove of how it writes them.
    pub writing: Writing,
    pub dates: Dates,
    json: Vec<u8>,
    joined: String,
}

impl Bodies {
    /// With empty buffers.
    pub fn new(plan: Plan, amounts: Amounts, writing: Writing, dates: Dates) -> Bodies {
        Bodies { plan, amounts, writing, dates, json: Vec::new(), joined: String::new() }
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
                .map_err(|error| fault(&Target::Kind, format!("cannot be written: {error}")))
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
        self.refuse_other_currency(row, currency)?;
        let kind = text(&Target::Kind, joined);
        let money = self.money(row, currency, kind.as_deref(), joined)?;
        let direction = money.map(|(_, direction)| direction);
        let kind = kind.as_deref().or_else(|| self.kind(direction));
        if kind.is_none() && money.is_none() {
            self.refuse_want_of_amount()?;
        }
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
                if *target == Target::ValueDate {
                    self.refuse_want_of_date(field)?;
                }
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
                    inner(&mut counterparty, "account", &iban::compact_if_iban(text))
                }
                Target::CounterpartyName => {
                    inner(&mut counterparty, "name", &one_line(text, field.is_mapped, Name::CHARS_MAX))
                }
                Target::Holder => member(json, name, &one_line(text, field.is_mapped, Name::CHARS_MAX)),
                Target::Memo => member(json, name, &one_line(text, field.is_mapped, Memo::CHARS_MAX)),
                Target::ValueDate => {
                    let date = self.dates.read(text).map_err(|reason| fault(target, reason))?;
                    member(json, name, &date.to_string());
                }
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
                Target::Hold | Target::ExpiresAt | Target::ExecuteAt | Target::Job | Target::Reference => {
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

    /// A row without a date among rows that have one is a line of totals, or lacks it: posted today it would be neither.
    fn refuse_want_of_date(&self, field: &Field) -> Result<(), Fault> {
        let are_due = self.dates.are_there || self.dates.were_wanted;
        if !field.is_mapped || !are_due || self.plan.fields.contains_key(&Target::Kind) {
            return Ok(());
        }
        let column =
            self.plan.cell_of(&Target::ValueDate).map_or_else(String::new, |cell| self.plan.label(cell));
        let reason =
            format!("{}; correct it, or leave such rows out with require={column}", Doubt::WithoutDate);
        Err(fault(&Target::ValueDate, reason))
    }

    /// What other columns say of the currency, where the map says one for all rows.
    fn refuse_other_currency(&self, row: Cut<'_>, currency: Option<Currency>) -> Result<(), Fault> {
        let Some(currency) = currency else { return Ok(()) };
        let code = currency.code();
        for cell in &self.plan.unused_currencies {
            let name = row.cell(*cell);
            if !decimal::is_other_currency(name, code) {
                continue;
            }
            let column = self.plan.label(*cell);
            let remedy = if name.parse::<Currency>().is_ok() {
                format!(
                    "take it from there with currency={column}, or leave such rows out with keep={column}:{code}"
                )
            } else {
                // A name that is no code cannot be taken over as it is, and several currencies may have it.
                let values = json!({"currency": {"column": column, "values": {name: "the code"}}});
                format!(
                    "write the map as JSON, with the code that {name} means: {values}, or correct one of them"
                )
            };
            return Err(fault(
                &Target::Currency,
                format!("is {code} by the map, and {name} by the column {column} of this row; {remedy}"),
            ));
        }
        Ok(())
    }

    /// Where the amount is to tell what a row is, a row without one is at fault for that.
    fn refuse_want_of_amount(&self) -> Result<(), Fault> {
        let fields = &self.plan.fields;
        if fields.contains_key(&Target::Kind) {
            return Ok(());
        }
        let columns = [Target::Amount, Target::AmountIn, Target::AmountOut]
            .map(|target| fields.get(&target).map(|field| (target, &field.text)));
        let columns: Vec<(Target, &Text)> = columns.into_iter().flatten().collect();
        let reason = match columns.as_slice() {
            [] => return Ok(()),
            [(_, Text::Cell(cell))] => {
                format!(
                    "is empty; correct it, or leave such rows out with require={}",
                    self.plan.label(*cell)
                )
            }
            [_] => "is empty; correct it, or leave such rows out with require= or ignore=".to_owned(),
            _ => "and amount.out are both empty or zero; correct one, or leave such rows out with ignore="
                .to_owned(),
        };
        let target = columns.into_iter().next().map_or(Target::Amount, |(target, _)| target);
        Err(fault(&target, reason))
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
}

pub fn fault(target: &Target, reason: String) -> Fault {
    Fault { target: target.clone(), reason }
}

fn target_name(target: &Target) -> &'static str {
    Target::NAMED.iter().find(|(_, named)| named == target).map_or("", |(name, _)| *name)
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
