//! The legs of a journal.

use serde::{Deserialize, Serialize};

use crate::account::AccountNumber;
use crate::money::SignedAmount;

/// One leg of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    /// The account that it changes.
    pub account: AccountNumber,
    /// Minor units; credit positive, debit negative.
    pub amount: SignedAmount,
}

/// The legs of a journal: 2 to [`Legs::MAX`] of them, which sum to zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legs {
    first: Leg,
    rest: Vec<Leg>,
}

/// Legs that make no journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLegs {
    /// Fewer than 2 or more than [`Legs::MAX`].
    #[error("must be 2 to {} legs", Legs::MAX)]
    Count,
    /// The credits are not the debits.
    #[error("must sum to zero; they sum to {0}")]
    Sum(i128),
}

impl Legs {
    /// The most legs of one journal: as many as a batch has jobs, so that one journal cannot make a
    /// transaction many times the usual size.
    pub const MAX: usize = 100;

    /// # Errors
    /// Too few, too many, or they do not sum to zero.
    pub fn new(legs: Vec<Leg>) -> Result<Legs, InvalidLegs> {
        if !(2..=Self::MAX).contains(&legs.len()) {
            return Err(InvalidLegs::Count);
        }
        let sum: i128 = legs.iter().map(|leg| i128::from(leg.amount.minor_units())).sum();
        if sum != 0 {
            return Err(InvalidLegs::Sum(sum));
        }
        let mut legs = legs.into_iter();
        let first = legs.next().ok_or(InvalidLegs::Count)?;
        Ok(Legs { first, rest: legs.collect() })
    }

    /// The account that the journal keeps its order with: that of the first leg with a negative amount, since funds may
    /// run out there and a credit never fails for its place. (Legs sum to zero, so there is one.)
    pub fn first_debited(&self) -> &AccountNumber {
        let debited = self.iter().find(|leg| leg.amount.minor_units() < 0);
        &debited.unwrap_or(&self.first).account
    }

    /// That of the first leg, which journals of earlier releases kept their order with.
    pub fn first_account(&self) -> &AccountNumber {
        &self.first.account
    }

    /// Every leg, in the order of submission.
    pub fn iter(&self) -> impl Iterator<Item = &Leg> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}
