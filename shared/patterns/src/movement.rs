//! Movements: what an account's history is made of, and who is on the other side of each.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use domain::id::JobId;
use domain::job::Kind;

/// One movement on an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// The business day.
    pub value_date: Date,
    /// Minor units; what comes in is positive, what goes out negative. Zero says nothing and is left out.
    pub amount: i64,
    /// The other side, as far as it is known.
    pub party: Party,
    /// The text on the statement.
    pub memo: Option<String>,
    /// The kind of the job that made it.
    pub kind: Kind,
    /// That job, where it is known; it decides about nothing.
    pub job: Option<JobId>,
}

/// The other side of a movement.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Party {
    /// Its account, here or at another bank.
    pub account: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// Which way money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It comes in.
    In,
    /// It goes out.
    Out,
}

impl Direction {
    /// Of an amount other than zero.
    pub(super) fn of(amount: i64) -> Direction {
        if amount < 0 { Direction::Out } else { Direction::In }
    }
}

/// What movements are grouped by: the surest thing that is known about the other side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    /// An account, without the blanks that some write into it.
    Account(String),
    /// A name, in words.
    Name(String),
    /// Nobody, but a text, in words.
    Memo(String),
    /// Nothing but what was done and how much, in minor units.
    Bare(Kind, i64),
}

impl Key {
    pub(super) fn of(movement: &Movement) -> Key {
        let account = movement.party.account.as_deref().map(compact).filter(|text| !text.is_empty());
        let name = movement.party.name.as_deref().map(words).filter(|text| !text.is_empty());
        let memo = movement.memo.as_deref().map(words).filter(|text| !text.is_empty());
        match (account, name, memo) {
            (Some(account), _, _) => Key::Account(account),
            (None, Some(name), _) => Key::Name(name),
            (None, None, Some(memo)) => Key::Memo(memo),
            (None, None, None) => Key::Bare(movement.kind, movement.amount),
        }
    }

    /// Whether it names the other side.
    pub(super) fn names_someone(&self) -> bool {
        matches!(self, Key::Account(_) | Key::Name(_))
    }
}

fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect()
}

/// The words of a text in lower case. Words with digits in them (dates, invoice numbers) change from one
/// payment to the next, so they go, unless there are no others.
pub(super) fn words(text: &str) -> String {
    let text = text.to_lowercase();
    let all = || text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let steady: Vec<&str> = all().filter(|word| !word.contains(|c: char| c.is_numeric())).collect();
    if steady.is_empty() { all().collect::<Vec<_>>().join(" ") } else { steady.join(" ") }
}
