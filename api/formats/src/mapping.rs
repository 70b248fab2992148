//! What a CSV file's columns mean: the `map` of an import, as JSON or as text.
//!
//! The form is described in `docs/formats/csv.md`.

mod settings;
mod sums;
mod text;

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A map that cannot be understood: which entry, what stands there, and what should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("map: `{entry}` {reason}")]
pub struct InvalidMapping {
    /// The entry's name.
    pub entry: String,
    /// What is wrong with it, and what to write.
    pub reason: String,
}

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

/// How the text is cut into cells; what is absent is found.
#[derive(Debug, Clone, Default)]
pub(super) struct Dialect {
    pub charset: Option<String>,
    pub separator: Option<u8>,
    pub quote: Quote,
    pub skip_lines: Option<u64>,
    pub has_header: Option<bool>,
}

/// What protects separators in a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Quote {
    #[default]
    Double,
    Other(u8),
    None,
}

impl Quote {
    /// The character, if there is one.
    pub fn byte(self) -> Option<u8> {
        match self {
            Quote::Double => Some(b'"'),
            Quote::Other(byte) => Some(byte),
            Quote::None => None,
        }
    }
}

/// How amounts are written, and what their signs mean.
#[derive(Debug, Clone, Default)]
pub(super) struct Amounts {
    pub decimal: Option<DecimalMark>,
    /// Cells are minor units already.
    pub are_minor: bool,
    /// Zeros beyond the currency's digits are no fault.
    pub allow_zeros: bool,
    /// What the map says of signs; where it says nothing, the file's own amounts tell.
    pub sign: Option<Sign>,
    pub in_words: Vec<String>,
    pub out_words: Vec<String>,
}

/// What stands between the units and their decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecimalMark {
    Point,
    Comma,
}

/// What the sign of an amount means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Below zero money leaves the account.
    NegativeOut,
    /// Above zero money leaves the account, as credit cards have it.
    PositiveOut,
    /// A minus turns round what a column, a mark or a word says.
    Reverses,
    /// Nothing.
    Ignored,
}

/// Which rows are jobs.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub ignore: Vec<Condition>,
    pub keep: Vec<Condition>,
    pub require: Vec<Column>,
    /// A row whose first cell starts with one of these is the end.
    pub stop: Vec<String>,
}

impl Rows {
    /// Whether a row with this first cell ends the rows.
    pub fn is_end(&self, first: &str) -> bool {
        self.stop.iter().any(|stop| first.starts_with(stop.as_str()))
    }
}

/// A cell that is one of some texts; `*` at a text's end stands for anything.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub column: Column,
    pub texts: Vec<String>,
}

/// A column, by its header or its place from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    Name(String),
    Number(usize),
}

/// What a field is made of.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    /// The same for all rows.
    Value(String),
    /// A cell.
    Column(Column),
    /// What is there of some, joined.
    Join(Vec<Expression>, String),
    /// Numbers, added; those with `true` are taken off. Stated, it is what the signs make it; a list of columns is a
    /// question where their signs differ.
    Sum { terms: Vec<(Expression, bool)>, is_stated: bool },
    /// The first that is not empty.
    FirstOf(Vec<Expression>),
    /// One for money that comes in, another for money that goes out.
    ByDirection { income: Option<Box<Expression>>, outgo: Option<Box<Expression>> },
    /// A text for each text of a cell; what is not listed stays.
    Translated(Box<Expression>, BTreeMap<String, String>),
}

/// What an entry of the map gives a meaning to: a field of a job, or a part of its amount.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Kind,
    Account,
    From,
    To,
    Amount,
    AmountIn,
    AmountOut,
    Direction,
    Currency,
    OverdraftLimit,
    Holder,
    Hold,
    ExpiresAt,
    Job,
    Legs,
    Reference,
    Memo,
    ValueDate,
    CounterpartyName,
    CounterpartyAccount,
    Metadata(String),
}

impl Target {
    /// Every one that has a fixed name.
    pub const NAMED: [(&'static str, Target); 20] = [
        ("kind", Target::Kind),
        ("account", Target::Account),
        ("from", Target::From),
        ("to", Target::To),
        ("amount", Target::Amount),
        ("amount.in", Target::AmountIn),
        ("amount.out", Target::AmountOut),
        ("direction", Target::Direction),
        ("currency", Target::Currency),
        ("overdraft_limit", Target::OverdraftLimit),
        ("holder", Target::Holder),
        ("hold", Target::Hold),
        ("expires_at", Target::ExpiresAt),
        ("job", Target::Job),
        ("legs", Target::Legs),
        ("reference", Target::Reference),
        ("memo", Target::Memo),
        ("value_date", Target::ValueDate),
        ("counterparty.name", Target::CounterpartyName),
        ("counterparty.account", Target::CounterpartyAccount),
    ];

    /// Whether it is a decimal number.
    pub fn is_amount(&self) -> bool {
        matches!(self, Target::Amount | Target::AmountIn | Target::AmountOut | Target::OverdraftLimit)
    }

    /// By its name.
    pub fn named(name: &str) -> Option<Target> {
        let metadata = name.strip_prefix("metadata.").filter(|key| !key.is_empty());
        if let Some(key) = metadata {
            return Some(Target::Metadata(key.to_owned()));
        }
        Target::NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, target)| target)
    }

    /// Its name.
    pub fn name(&self) -> String {
        if let Target::Metadata(key) = self {
            return format!("metadata.{key}");
        }
        let named = Target::NAMED.iter().find(|(_, target)| target == self);
        named.map(|(name, _)| (*name).to_owned()).unwrap_or_default()
    }
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
