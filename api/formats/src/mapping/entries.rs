//! What the entries of a map say.

use std::collections::BTreeMap;

use crate::decimal::DecimalMark;

/// A map that cannot be understood: which entry, what stands there, and what should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("map: `{entry}` {reason}")]
pub struct InvalidMapping {
    /// The entry's name.
    pub entry: String,
    /// What is wrong with it, and what to write.
    pub reason: String,
}

/// How the text is cut into cells; what is absent is found.
#[derive(Debug, Clone, Default)]
pub struct Dialect {
    pub charset: Option<String>,
    pub separator: Option<u8>,
    pub quote: Quote,
    pub skip_lines: Option<u64>,
    pub has_header: Option<bool>,
}

/// What protects separators in a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Quote {
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
pub struct Amounts {
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

/// What the sign of an amount means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
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
pub struct Rows {
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
pub struct Condition {
    pub column: Column,
    pub texts: Vec<String>,
}

/// A column, by its header or its place from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    Name(String),
    Number(usize),
}

impl Column {
    /// Its header, if that is how it is known.
    pub fn name(&self) -> Option<&str> {
        if let Column::Name(name) = self { Some(name) } else { None }
    }

    /// Its place, if that is how it is known.
    pub fn number(&self) -> Option<usize> {
        if let Column::Number(number) = self { Some(*number) } else { None }
    }
}

/// What a field is made of; a map names the cells, and a file has them in places.
#[derive(Debug, Clone)]
pub enum Expression<C = Column> {
    /// The same for all rows.
    Value(String),
    Cell(C),
    /// What is there of some, joined.
    Join(Vec<Expression<C>>, String),
    /// Numbers, added; those with `true` are taken off. Stated, it is what the signs make it; a list of columns is a
    /// question where their signs differ.
    Sum {
        terms: Vec<(Expression<C>, bool)>,
        is_stated: bool,
    },
    /// The first that is not empty.
    FirstOf(Vec<Expression<C>>),
    /// One for money that comes in, another for money that goes out.
    ByDirection {
        income: Option<Box<Expression<C>>>,
        outgo: Option<Box<Expression<C>>>,
    },
    /// A text for each text of a cell; what is not listed stays.
    Translated(Box<Expression<C>>, BTreeMap<String, String>),
}

impl<C> Expression<C> {
    /// Looks at it, and at all that it is made of, until something is found.
    pub fn find<'a, T>(&'a self, look: &mut impl FnMut(&'a Expression<C>) -> Option<T>) -> Option<T> {
        look(self).or_else(|| match self {
            Expression::Value(_) | Expression::Cell(_) => None,
            Expression::Join(parts, _) | Expression::FirstOf(parts) => {
                parts.iter().find_map(|part| part.find(look))
            }
            Expression::Sum { terms, .. } => terms.iter().find_map(|(term, _)| term.find(look)),
            Expression::ByDirection { income, outgo } => {
                [income, outgo].into_iter().flatten().find_map(|side| side.find(look))
            }
            Expression::Translated(part, _) => part.find(look),
        })
    }

    /// Whether it, or something that it is made of, is of a kind.
    pub fn has(&self, is_of_kind: fn(&Expression<C>) -> bool) -> bool {
        self.find(&mut |part| is_of_kind(part).then_some(())).is_some()
    }

    /// All cells.
    pub fn cells(&self) -> Vec<&C> {
        let mut cells = Vec::new();
        self.find::<()>(&mut |part| {
            cells.extend(if let Expression::Cell(cell) = part { Some(cell) } else { None });
            None
        });
        cells
    }

    /// The same of other cells.
    pub fn with<D, E>(&self, cell: &impl Fn(&C) -> Result<D, E>) -> Result<Expression<D>, E> {
        let all = |parts: &[Self]| parts.iter().map(|part| part.with(cell)).collect::<Result<Vec<_>, E>>();
        let side =
            |side: &Option<Box<Self>>| side.as_ref().map(|side| side.with(cell).map(Box::new)).transpose();
        Ok(match self {
            Expression::Value(text) => Expression::Value(text.clone()),
            Expression::Cell(name) => Expression::Cell(cell(name)?),
            Expression::Join(parts, joint) => Expression::Join(all(parts)?, joint.clone()),
            Expression::Sum { terms, is_stated } => {
                let terms = terms.iter().map(|(term, is_taken_off)| Ok((term.with(cell)?, *is_taken_off)));
                Expression::Sum { terms: terms.collect::<Result<_, E>>()?, is_stated: *is_stated }
            }
            Expression::FirstOf(parts) => Expression::FirstOf(all(parts)?),
            Expression::ByDirection { income, outgo } => {
                Expression::ByDirection { income: side(income)?, outgo: side(outgo)? }
            }
            Expression::Translated(part, texts) => {
                Expression::Translated(Box::new(part.with(cell)?), texts.clone())
            }
        })
    }
}

/// What an entry of the map gives a meaning to: a field of a job, or a part of its amount.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
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
    ExecuteAt,
    CounterpartyName,
    CounterpartyAccount,
    Metadata(String),
}

impl Target {
    /// Every one that has a fixed name.
    pub const NAMED: [(&'static str, Target); 21] = [
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
        ("execute_at", Target::ExecuteAt),
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
