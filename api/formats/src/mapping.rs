//! What a CSV file's columns mean: the `map` of an import, as JSON or as text.
//!
//! The form is described in `docs/formats/csv.md`.

mod entries;
mod settings;
mod sums;
mod text;

use std::collections::BTreeMap;
use std::str::FromStr;

pub use entries::InvalidMapping;
pub(super) use entries::{Amounts, Column, Condition, Dialect, Expression, Quote, Rows, Sign, Target};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What the columns of a CSV file mean. Without entries the header names are the fields of a job.
///
/// Serialises as the JSON that it was made of, in one order: its hash tells one mapping from another.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Mapping {
    given: Map<String, Value>,
    pub(super) dialect: Dialect,
    pub(super) amounts: Amounts,
    pub(super) date: Option<String>,
    pub(super) rows: Rows,
    /// `None`: the field is left out though a column has its name.
    pub(super) fields: BTreeMap<Target, Option<Expression>>,
}

impl Mapping {
    /// States the charset, where the map does not.
    ///
    /// # Errors
    /// The map states another one.
    pub fn with_charset(mut self, charset: &str) -> Result<Mapping, InvalidMapping> {
        if let Some(other) =
            self.dialect.charset.as_deref().filter(|stated| !stated.eq_ignore_ascii_case(charset))
        {
            let reason = format!("is {other}, and {charset} is stated beside it; state one");
            return Err(InvalidMapping { entry: "charset".to_owned(), reason });
        }
        self.given.insert("charset".to_owned(), charset.into());
        self.dialect.charset = Some(charset.to_owned());
        Ok(self)
    }

    /// The charset that is stated, if one is.
    pub(super) fn charset(&self) -> Option<&str> {
        self.dialect.charset.as_deref()
    }

    /// Every column that is needed.
    pub(super) fn columns(&self) -> Vec<&Column> {
        let conditions = self.rows.ignore.iter().chain(&self.rows.keep);
        let of_rows = conditions.map(|condition| &condition.column).chain(&self.rows.require);
        self.columns_of_fields().chain(of_rows).collect()
    }

    /// Every column that fields are made of.
    pub(super) fn columns_of_fields(&self) -> impl Iterator<Item = &Column> {
        self.fields.values().flatten().flat_map(Expression::cells)
    }

    /// Whether the header names are the fields, all of them.
    pub(super) fn names_no_fields(&self) -> bool {
        self.fields.is_empty()
    }
}

impl TryFrom<Map<String, Value>> for Mapping {
    type Error = InvalidMapping;

    fn try_from(given: Map<String, Value>) -> Result<Mapping, InvalidMapping> {
        settings::read(given)
    }
}

impl From<Mapping> for Map<String, Value> {
    fn from(mapping: Mapping) -> Map<String, Value> {
        mapping.given
    }
}

impl FromStr for Mapping {
    type Err = InvalidMapping;

    /// Of JSON, or of the short form `amount=Betrag,currency='EUR'`.
    fn from_str(text: &str) -> Result<Mapping, InvalidMapping> {
        if !text.trim_start().starts_with('{') {
            return settings::read(text::parse(text)?);
        }
        let given: Map<String, Value> = serde_json::from_str(text).map_err(|error| InvalidMapping {
            entry: "map".to_owned(),
            reason: format!("is no JSON object: {error}"),
        })?;
        settings::read(given)
    }
}
