//! Value dates: read as the map states their form, or as the dates of the whole file leave only one reading.

mod evidence;
mod months;
mod pattern;
mod pieces;
mod written;

use domain::value_date::plausible;
use evidence::Choices;
pub use evidence::Evidence;
use jiff::civil::Date;
use pattern::Pattern;
use written::{Order, Written};

use crate::text::shown;

/// How a form is stated, where none can be named that fits.
const ADVICE: &str = "correct it (2026-01-31 is read without a setting), or state its form with date=, made of YYYY or YY, \
     MM or MMM (a name), DD, and the marks between them, such as date=DD.MM.YYYY";

/// How dates are read.
#[derive(Debug, Clone)]
pub struct Dates {
    form: Form,
    /// Rows of the file have dates.
    pub are_there: bool,
    /// A former import refused a row for the want of one.
    pub were_wanted: bool,
    today: Date,
}

#[derive(Debug, Clone)]
enum Form {
    /// As the map says.
    Stated(Pattern, String),
    /// As the file itself allows.
    Inferred(Choices),
}

/// A date that a text may mean, and the form that says so.
#[derive(Debug, Clone)]
struct Reading {
    date: Date,
    order: Order,
    form: String,
}

impl Dates {
    /// As the map states it, or by the evidence of the whole file.
    pub fn new(stated: Option<&str>, evidence: &Evidence, today: Date) -> Result<Dates, String> {
        let form = match stated {
            Some(form) => Form::Stated(Pattern::parse(form)?, form.to_owned()),
            None => Form::Inferred(evidence.choices()),
        };
        Ok(Dates { form, are_there: evidence.has_dates(), were_wanted: evidence.were_wanted, today })
    }

    /// The date of a row, or what is wrong with its text and what to do.
    pub fn read(&self, text: &str) -> Result<Date, String> {
        let shown = shown(text);
        let date = match &self.form {
            Form::Stated(pattern, form) => pattern.read(text).ok_or_else(|| self.unlike(text, form))?,
            Form::Inferred(choices) => self.inferred(text, choices)?,
        };
        plausible(date, self.today)
            .map(|()| date)
            .map_err(|error| format!("is {shown}, which is {date}; it {error}"))
    }

    fn inferred(&self, text: &str, choices: &Choices) -> Result<Date, String> {
        let shown = shown(text);
        let Some(written) = Written::parse(text) else {
            return Err(format!("is {shown}, which is no date; {ADVICE}"));
        };
        let choice = choices.of(written.shape);
        let readings = self.readings(written, &choice.orders);
        let is_sure = |reading: &Reading| {
            !choice.implausible.contains(&reading.order) && !written.shape.rare().contains(&reading.order)
        };
        match readings.as_slice() {
            [only] if is_sure(only) => Ok(only.date),
            [only] if choice.implausible.contains(&only.order) => Err(format!(
                "is {shown}, which may be {}, but so the dates of the file lie decades apart or years ahead; correct it, \
                 or state that form",
                listed(&readings, "")
            )),
            [] | [_] => self.unusual(text, written),
            several => {
                let because = if choice.is_contradictory {
                    ", and other rows prove opposite forms; send this row again with the date= that is meant"
                } else {
                    "; state the date= that is meant"
                };
                Err(format!("is {shown}, which may be {}{because}", listed(several, " or ")))
            }
        }
    }

    /// The dates that a text means in some orders, each once, as far as they can be value dates.
    fn readings(&self, written: Written<'_>, orders: &[Order]) -> Vec<Reading> {
        let mut readings: Vec<Reading> = Vec::new();
        for order in Order::ALL.into_iter().filter(|order| orders.contains(order)) {
            let date = written.read(order).filter(|date| plausible(*date, self.today).is_ok());
            if let Some(date) = date.filter(|date| readings.iter().all(|known| known.date != *date)) {
                readings.push(Reading { date, order, form: written.shape.form(order) });
            }
        }
        readings
    }

    /// A date that no usual order reads.
    fn unusual(&self, text: &str, written: Written<'_>) -> Result<Date, String> {
        let shown = shown(text);
        let shape = written.shape;
        let rare = self.readings(written, shape.rare());
        if !rare.is_empty() {
            let forms = listed(&rare, " or ");
            return Err(format!(
                "is {shown}, which is no date as dates are usually written; if it is {forms}, state that form"
            ));
        }
        // A date that lies too far off has a reason of its own.
        match shape.usual().iter().find_map(|order| written.read(*order)) {
            Some(date) => Ok(date),
            None => Err(format!("is {shown}, which is no day of the calendar in any form; {ADVICE}")),
        }
    }

    /// A date that the stated form does not read.
    fn unlike(&self, text: &str, form: &str) -> String {
        let shown = shown(text);
        let forms: Vec<String> = Written::parse(text).map_or(Vec::new(), |written| {
            let of = |orders| {
                self.readings(written, orders).into_iter().map(|reading| format!("date={}", reading.form))
            };
            let usual: Vec<String> = of(written.shape.usual()).collect();
            if usual.is_empty() { of(written.shape.rare()).collect() } else { usual }
        });
        match forms.as_slice() {
            [] => format!("is {shown}, which date={form} does not read; {ADVICE}"),
            forms => format!("is {shown}, which date={form} does not read, but {} does", forms.join(" or ")),
        }
    }
}

/// Whether a text has the form of a date, whichever.
pub fn is_date(text: &str, stated: Option<&str>) -> bool {
    let is_stated = || stated.and_then(|form| Pattern::parse(form).ok()?.read(text)).is_some();
    Written::parse(text).is_some() || is_stated()
}

fn listed(readings: &[Reading], joint: &str) -> String {
    let of = |reading: &Reading| format!("{} (date={})", reading.date, reading.form);
    readings.iter().map(of).collect::<Vec<_>>().join(joint)
}

#[cfg(test)]
mod tests;
