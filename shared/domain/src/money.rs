//! Money: positive integers in minor units of an ISO 4217 currency. No float, ever.

use std::fmt;
use std::str::FromStr;

use derive_more::Display;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_with::{DeserializeFromStr, SerializeDisplay};

/// A currency of ISO 4217; `XTS`, reserved for testing, is for load tests.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Display, derive_more::Debug)]
#[display("{}", self.code())]
#[debug("{self}")]
#[derive(SerializeDisplay, DeserializeFromStr)]
pub struct Currency(iso_currency::Currency);

/// Not an alphabetic code of ISO 4217.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an alphabetic currency code of ISO 4217, such as EUR")]
pub struct UnknownCurrency;

impl Currency {
    /// The code for testing.
    pub const XTS: Currency = Currency(iso_currency::Currency::XTS);

    /// The three capital letters.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Decimal digits of the minor unit: 2 for EUR, 0 for JPY, 3 for KWD; `None` where ISO 4217
    /// gives none (XTS, gold).
    pub fn exponent(self) -> Option<u16> {
        self.0.exponent()
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Currency, UnknownCurrency> {
        iso_currency::Currency::from_code(code).map(Currency).ok_or(UnknownCurrency)
    }
}

/// A positive number of minor units, at most [`Amount::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Amount(i64);

/// Not a positive number of minor units.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be {}", Amount::EXPECTED)]
pub struct InvalidAmount;

impl Amount {
    /// The largest integer that every JSON reader keeps exact (RFC 8259, section 6): 2^53 - 1.
    pub const MAX: i64 = 9_007_199_254_740_991;

    const EXPECTED: &str = "a positive integer in minor units (cents of EUR), at most 9007199254740991";

    /// # Errors
    /// It is zero, negative, or above [`Amount::MAX`].
    pub fn new(minor_units: i64) -> Result<Amount, InvalidAmount> {
        if (1..=Self::MAX).contains(&minor_units) { Ok(Amount(minor_units)) } else { Err(InvalidAmount) }
    }

    /// The number, in minor units.
    pub fn minor_units(self) -> i64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
        minor_units(deserializer, Amount::EXPECTED).and_then(|n| Amount::new(n).map_err(de::Error::custom))
    }
}

/// One leg of a journal: minor units, credit positive, debit negative, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SignedAmount(i64);

impl SignedAmount {
    const EXPECTED: &str =
        "an integer in minor units other than 0, between -9007199254740991 and 9007199254740991";

    /// `None` if it is zero or beyond ± [`Amount::MAX`].
    pub fn new(minor_units: i64) -> Option<SignedAmount> {
        let fits = minor_units != 0 && minor_units.unsigned_abs() <= Amount::MAX.unsigned_abs();
        fits.then_some(SignedAmount(minor_units))
    }

    /// The number, in minor units.
    pub fn minor_units(self) -> i64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for SignedAmount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SignedAmount, D::Error> {
        let minor_units = minor_units(deserializer, SignedAmount::EXPECTED)?;
        SignedAmount::new(minor_units)
            .ok_or_else(|| de::Error::custom(format_args!("must be {}", SignedAmount::EXPECTED)))
    }
}

/// How far an account's available funds may go below zero: 0 ..= [`Amount::MAX`] minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(transparent)]
pub struct OverdraftLimit(i64);

impl OverdraftLimit {
    const EXPECTED: &str = "an integer in minor units from 0 to 9007199254740991";

    /// `None` if it is negative or above [`Amount::MAX`].
    pub fn new(minor_units: i64) -> Option<OverdraftLimit> {
        (0..=Amount::MAX).contains(&minor_units).then_some(OverdraftLimit(minor_units))
    }

    /// The number, in minor units.
    pub fn minor_units(self) -> i64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for OverdraftLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OverdraftLimit, D::Error> {
        let minor_units = minor_units(deserializer, OverdraftLimit::EXPECTED)?;
        OverdraftLimit::new(minor_units)
            .ok_or_else(|| de::Error::custom(format_args!("must be {}", OverdraftLimit::EXPECTED)))
    }
}

/// What an account keeps when all above is swept: 0 ..= [`Amount::MAX`] minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(transparent)]
pub struct Kept(i64);

impl Kept {
    /// `None` if it is negative or above [`Amount::MAX`].
    pub fn new(minor_units: i64) -> Option<Kept> {
        (0..=Amount::MAX).contains(&minor_units).then_some(Kept(minor_units))
    }

    /// The number, in minor units.
    pub fn minor_units(self) -> i64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Kept, D::Error> {
        let minor_units = minor_units(deserializer, OverdraftLimit::EXPECTED)?;
        Kept::new(minor_units)
            .ok_or_else(|| de::Error::custom(format_args!("must be {}", OverdraftLimit::EXPECTED)))
    }
}

/// An integer that fits `i64`, or an error that says what was `expected` instead.
fn minor_units<'de, D: Deserializer<'de>>(deserializer: D, expected: &'static str) -> Result<i64, D::Error> {
    struct MinorUnits(&'static str);

    impl Visitor<'_> for MinorUnits {
        type Value = i64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_i64<E: de::Error>(self, n: i64) -> Result<i64, E> {
            Ok(n)
        }

        fn visit_u64<E: de::Error>(self, n: u64) -> Result<i64, E> {
            i64::try_from(n).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(n), &self))
        }

        /// A float is another number than the one that was written: a refusal does not repeat it.
        fn visit_f64<E: de::Error>(self, _: f64) -> Result<i64, E> {
            let Self(expected) = self;
            Err(E::custom(format_args!("must be {expected}, written in digits alone: no point, no exponent")))
        }
    }

    deserializer.deserialize_i64(MinorUnits(expected))
}
