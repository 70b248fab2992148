//! A setting: what it may be, and how its values are read and shown.

use std::ops::RangeInclusive;

use contract::report::Role;

use super::value::{MASK, Value};

/// A setting that changes while running.
#[derive(Debug)]
pub struct Setting {
    /// Its name in patches, messages and the environment.
    pub name: &'static str,
    /// The role that takes it.
    pub role: Role,
    /// What it may be.
    pub kind: Kind,
    /// What it counts; empty: it is a text.
    pub unit: &'static str,
    /// What it does, in a sentence.
    pub sentence: &'static str,
    /// Its value is never shown.
    pub secret: bool,
}

/// What a setting may be, and what it is unless it is set.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A whole number.
    Integer {
        /// The default.
        default: u64,
        /// From the least to the most.
        bounds: RangeInclusive<u64>,
    },
    /// A number.
    Decimal {
        /// The default.
        default: f64,
        /// From the least to the most.
        bounds: RangeInclusive<f64>,
    },
    /// The address of a web page, or empty.
    Url,
}

/// The longest address of a web page that is taken.
const URL_CHARS_MAX: usize = 2_000;

impl Setting {
    /// What it is unless it is set.
    pub fn default_value(&self) -> Value {
        match &self.kind {
            Kind::Integer { default, .. } => Value::Integer(*default),
            Kind::Decimal { default, .. } => Value::Decimal(*default),
            Kind::Url => Value::Text(String::new()),
        }
    }

    /// What it may be, in words.
    pub fn takes(&self) -> String {
        match &self.kind {
            Kind::Integer { bounds, .. } => {
                format!("a whole number of {} from {} to {}", self.unit, bounds.start(), bounds.end())
            }
            Kind::Decimal { bounds, .. } => {
                format!("a number of {} from {} to {}", self.unit, bounds.start(), bounds.end())
            }
            Kind::Url => {
                format!("an address of http:// or https:// with at most {URL_CHARS_MAX} characters, or \"\"")
            }
        }
    }

    /// A value as JSON has it; `None`: it does not take this one.
    pub fn read_json(&self, value: &serde_json::Value) -> Option<Value> {
        let value = match &self.kind {
            Kind::Integer { .. } => Value::Integer(value.as_u64()?),
            Kind::Decimal { .. } => Value::Decimal(value.as_f64()?),
            Kind::Url => Value::Text(value.as_str()?.to_owned()),
        };
        self.admits(&value).then_some(value)
    }

    /// A value as a command line or the environment has it; `None`: it does not take this one.
    pub fn read_text(&self, text: &str) -> Option<Value> {
        let value = match &self.kind {
            Kind::Integer { .. } => Value::Integer(text.trim().parse().ok()?),
            Kind::Decimal { .. } => Value::Decimal(text.trim().parse().ok()?),
            Kind::Url => Value::Text(text.trim().to_owned()),
        };
        self.admits(&value).then_some(value)
    }

    /// A value as it may be shown: as JSON, a secret masked.
    pub fn shown(&self, value: &Value) -> serde_json::Value {
        match value {
            Value::Text(text) if self.secret && !text.is_empty() => MASK.into(),
            value => value.to_json(),
        }
    }

    fn admits(&self, value: &Value) -> bool {
        match (&self.kind, value) {
            (Kind::Integer { bounds, .. }, Value::Integer(number)) => bounds.contains(number),
            (Kind::Decimal { bounds, .. }, Value::Decimal(number)) => bounds.contains(number),
            (Kind::Url, Value::Text(text)) => text.is_empty() || is_url(text),
            _ => false,
        }
    }
}

fn is_url(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let printable = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    printable && text.chars().count() <= URL_CHARS_MAX && host.is_some_and(|host| !host.is_empty())
}
