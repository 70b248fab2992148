//! Accounts: their numbers, and the state that posting reads and writes.

use std::str::FromStr;
use std::sync::Arc;

use derive_more::Display;
use serde::{Deserialize, Serialize};
use serde_with::{DeserializeFromStr, SerializeDisplay};
use strum::{IntoStaticStr, VariantArray};

use super::entry::Digest;
use super::lane::Lane;
use super::money::{Amount, Currency, OverdraftLimit};

/// An account's number: 1 to 34 of `[A-Za-z0-9._:-]`, as long as the longest IBAN (ISO 13616).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Display, derive_more::Debug)]
#[debug("{self}")]
#[derive(SerializeDisplay, DeserializeFromStr)]
pub struct AccountNumber(Arc<str>);

/// Not a number that a client's account can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccountNumber {
    /// Wrong length or characters.
    #[error("must be 1 to 34 of the characters A-Z a-z 0-9 . _ : -")]
    Form,
    /// Starts with [`AccountNumber::EXTERNAL`].
    #[error("must not start with `external:`; those accounts are the system's own")]
    Reserved,
}

impl AccountNumber {
    /// The most characters of a number.
    pub const CHARS_MAX: usize = 34;
    /// What the numbers of the system's own accounts start with.
    pub const EXTERNAL: &str = "external:";

    /// A number that a client may use.
    ///
    /// # Errors
    /// Wrong length or characters, or reserved for the system.
    pub fn parse(text: &str) -> Result<AccountNumber, InvalidAccountNumber> {
        let number = Self::from_books(text).ok_or(InvalidAccountNumber::Form)?;
        if number.is_external() { Err(InvalidAccountNumber::Reserved) } else { Ok(number) }
    }

    /// A number read back from the ledger: the system's own accounts are numbers too.
    pub fn from_books(text: &str) -> Option<AccountNumber> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b"._:-".contains(&c);
        let fits = (1..=Self::CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| AccountNumber(text.into()))
    }

    /// The outside world in one currency, as one lane sees it: a row of its own for each lane, so that
    /// lanes never contend for one.
    pub fn external(currency: Currency, lane: Lane) -> AccountNumber {
        AccountNumber(format!("{}{currency}:{}", Self::EXTERNAL, lane.0).into())
    }

    /// Whether it is the system's own.
    pub fn is_external(&self) -> bool {
        self.0.starts_with(Self::EXTERNAL)
    }

    /// The number as a log has it: how it begins and ends, which tells an operator which it is and nobody else whose.
    pub fn shortened(&self) -> String {
        let number = self.as_str();
        match (number.get(..4), number.get(number.len().saturating_sub(4)..)) {
            (Some(start), Some(end)) if number.len() > 10 => format!("{start}…{end}"),
            _ => number.to_owned(),
        }
    }

    /// The number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountNumber {
    type Err = InvalidAccountNumber;

    fn from_str(text: &str) -> Result<AccountNumber, InvalidAccountNumber> {
        AccountNumber::parse(text)
    }
}

/// Whether an account takes entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AccountStatus {
    /// Money moves.
    Open,
    /// Nothing moves, in or out, until it is unfrozen; holds can still be released.
    Frozen,
    /// Nothing will ever move again.
    Closed,
}

/// An account as posting sees it. Amounts in minor units of its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The ledger's own key; `None` until the account has been written.
    pub key: Option<i64>,
    /// The account's number.
    pub number: AccountNumber,
    /// The one currency that it holds.
    pub currency: Currency,
    /// Sum of its entries; at most [`Account::MINOR_UNITS_MAX`] away from zero.
    pub balance: i64,
    /// Sum of its active holds, at most [`Account::MINOR_UNITS_MAX`]; part of the balance, not beside it.
    pub held: i64,
    /// How far below zero its available funds may go.
    pub overdraft_limit: OverdraftLimit,
    /// Whether the account takes entries.
    pub status: AccountStatus,
    /// Number of its entries; the last entry's `seq`.
    pub seq: i64,
    /// Head of the chain over its entries.
    pub digest: Digest,
    /// Name of the account's holder.
    pub holder: Option<String>,
}

impl Account {
    /// An account with no entries.
    pub fn new(number: AccountNumber, currency: Currency) -> Account {
        Account {
            key: None,
            number,
            currency,
            balance: 0,
            held: 0,
            overdraft_limit: OverdraftLimit::default(),
            status: AccountStatus::Open,
            seq: 0,
            digest: Digest::EMPTY,
            holder: None,
        }
    }

    /// The most minor units that a balance, either side of zero, or what is held comes to: as many as the largest amount, so
    /// that every reader of JSON has them exactly (RFC 8259, section 6).
    pub const MINOR_UNITS_MAX: i64 = Amount::MAX;

    /// What may be drawn: balance less holds plus overdraft limit, in minor units. Without limit for
    /// the outside world, which is not ours to overdraw.
    pub fn available(&self) -> i128 {
        if self.number.is_external() {
            return i128::MAX;
        }
        i128::from(self.balance) - i128::from(self.held) + i128::from(self.overdraft_limit.minor_units())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_how_a_number_begins_and_ends() {
        let shortened = |text: &str| AccountNumber::parse(text).unwrap().shortened();
        assert_eq!(shortened("DE89370400440532013000"), "DE89…3000");
        assert_eq!(shortened("alice"), "alice");
    }
}
