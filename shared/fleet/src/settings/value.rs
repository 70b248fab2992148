//! The value of a setting.

use serde::Serialize;

/// What stands for the value of a secret that is set.
pub const MASK: &str = "***";

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Integer(u64),
    /// A number.
    Decimal(f64),
    /// A text.
    Text(String),
}

impl Value {
    /// As JSON: a number or a text.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Integer(number) => (*number).into(),
            Value::Decimal(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
        }
    }
}
