//! What a key allows: scopes, and the accounts that it is for. Pure: who holds a key is asked elsewhere.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use derive_more::Display;
use serde::{Deserialize, Serialize};
use serde_with::{DeserializeFromStr, SerializeDisplay};
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::account::AccountNumber;

/// What a key allows its holder to do.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    /// Submit jobs that draw on its accounts.
    Submit,
    /// Read its accounts, its own jobs, and the figures of the fleet.
    Read,
    /// Change how the fleet runs: settings, load tests, dead letters.
    Operate,
    /// Read everything, the audit log included; change nothing.
    Audit,
    /// Make and revoke keys.
    Admin,
}

impl Scope {
    /// Every scope, in the order of the documentation.
    pub const ALL: &'static [Scope] = Scope::VARIANTS;

    /// Its name, as in a setting.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Scopes, each once, in their own order. As text: their names, joined by `+`.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDisplay, DeserializeFromStr)]
pub struct Scopes(Vec<Scope>);

/// Not a list of scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScopes {
    /// Not a scope.
    #[error("`{0}` is no scope; scopes are submit, read, operate, audit and admin, joined by +")]
    Unknown(String),
}

impl Scopes {
    /// Every scope.
    pub fn all() -> Scopes {
        Scopes(Scope::ALL.to_vec())
    }

    /// Whether this is one of them.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        let mut scopes: Vec<_> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Scopes(scopes)
    }
}

impl FromStr for Scopes {
    type Err = InvalidScopes;

    fn from_str(text: &str) -> Result<Scopes, InvalidScopes> {
        let scopes = text.split(['+', ',']).map(str::trim);
        scopes.map(|name| name.parse().map_err(|_| InvalidScopes::Unknown(name.to_owned()))).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|scope| scope.name()).collect();
        f.write_str(&names.join("+"))
    }
}

/// The accounts that a key is for, by patterns. As text: the patterns, joined by `+`.
#[derive(Debug, Clone, PartialEq, Eq, SerializeDisplay, DeserializeFromStr)]
pub struct Accounts(Arc<[AccountPattern]>);

/// The number of an account, or how the numbers of many begin: `acme:*`. `*` alone stands for every account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Display, SerializeDisplay, DeserializeFromStr)]
pub struct AccountPattern(String);

/// Not a pattern of account numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no pattern of account numbers: write a number, or how numbers begin with one * behind it, such as acme:*"
)]
pub struct InvalidPattern(String);

impl AccountPattern {
    /// What the numbers begin with; `None`: the pattern is one number.
    pub fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether every number of another pattern is one of this.
    fn covers(&self, other: &AccountPattern) -> bool {
        match (self.prefix(), other.prefix()) {
            (Some(outer), inner) => {
                let stem = inner.unwrap_or(&other.0);
                let is_meant = outer.is_empty()
                    || !stem.starts_with(AccountNumber::EXTERNAL)
                    || outer.starts_with(AccountNumber::EXTERNAL);
                // `*` has the system's own accounts, which a beginning of their name has not.
                stem.starts_with(outer) && is_meant && (inner != Some("") || outer.is_empty())
            }
            (None, None) => self == other,
            (None, Some(_)) => false,
        }
    }

    /// Whether this is a number of its.
    pub fn matches(&self, number: &AccountNumber) -> bool {
        match self.prefix() {
            // The system's own accounts belong to nobody: only who may see all accounts sees them.
            Some(prefix) => {
                number.as_str().starts_with(prefix)
                    && (prefix.is_empty()
                        || !number.is_external()
                        || prefix.starts_with(AccountNumber::EXTERNAL))
            }
            None => number.as_str() == self.0,
        }
    }
}

impl FromStr for AccountPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<AccountPattern, InvalidPattern> {
        let stem = text.strip_suffix('*').unwrap_or(text);
        let is_everything = stem.is_empty() && !text.is_empty();
        if is_everything || AccountNumber::from_books(stem).is_some() {
            Ok(AccountPattern(text.to_owned()))
        } else {
            Err(InvalidPattern(text.chars().take(80).collect()))
        }
    }
}

impl Accounts {
    /// The most patterns of one key: each is looked at for each account of a job.
    pub const PATTERNS_MAX: usize = 100;

    /// Every account.
    pub fn all() -> Accounts {
        Accounts([AccountPattern("*".to_owned())].into())
    }

    /// Whether these are all accounts.
    pub fn are_all(&self) -> bool {
        self.0.iter().any(|pattern| pattern.as_str() == "*")
    }

    /// Whether this account is among them.
    pub fn contain(&self, number: &AccountNumber) -> bool {
        self.0.iter().any(|pattern| pattern.matches(number))
    }

    /// Whether each of the other accounts is surely among these: each of their patterns is within one of these.
    pub fn cover(&self, other: &Accounts) -> bool {
        other.0.iter().all(|inner| self.0.iter().any(|outer| outer.covers(inner)))
    }

    /// The patterns.
    pub fn patterns(&self) -> &[AccountPattern] {
        &self.0
    }
}

/// Not the accounts of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccounts {
    /// A pattern is none.
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    /// More patterns than a key may have.
    #[error("a key takes {} patterns at most; give its accounts a common beginning", Accounts::PATTERNS_MAX)]
    TooMany,
}

impl TryFrom<Vec<AccountPattern>> for Accounts {
    type Error = InvalidAccounts;

    fn try_from(mut patterns: Vec<AccountPattern>) -> Result<Accounts, InvalidAccounts> {
        patterns.sort();
        patterns.dedup();
        if patterns.len() > Accounts::PATTERNS_MAX {
            return Err(InvalidAccounts::TooMany);
        }
        Ok(Accounts(patterns.into()))
    }
}

impl FromStr for Accounts {
    type Err = InvalidAccounts;

    fn from_str(text: &str) -> Result<Accounts, InvalidAccounts> {
        let patterns = text.split(['+', ',']).map(str::trim).map(str::parse);
        Accounts::try_from(patterns.collect::<Result<Vec<_>, _>>()?)
    }
}

impl fmt::Display for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<_> = self.0.iter().map(AccountPattern::as_str).collect();
        f.write_str(&patterns.join("+"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> AccountNumber {
        AccountNumber::from_books(text).unwrap()
    }

    #[test]
    fn scopes_are_a_set_with_names() {
        let scopes: Scopes = "read+submit, read".parse().unwrap();
        assert_eq!(scopes.to_string(), "submit+read");
        assert!(scopes.contains(Scope::Read) && !scopes.contains(Scope::Admin));
        let told = "read+write".parse::<Scopes>().unwrap_err().to_string();
        assert!(told.contains("`write`") && told.contains("audit"), "{told}");
        assert!("".parse::<Scopes>().is_err());
    }

    #[test]
    fn a_pattern_is_a_number_or_how_numbers_begin() {
        let accounts: Accounts = "acme:*+shared".parse().unwrap();
        for theirs in ["acme:1", "acme:", "shared"] {
            assert!(accounts.contain(&number(theirs)), "{theirs}");
        }
        for foreign in ["acme", "acmes:1", "shared2", "Acme:1", "external:EUR:0"] {
            assert!(!accounts.contain(&number(foreign)), "{foreign}");
        }
        assert!(!accounts.are_all());
        assert!(Accounts::all().are_all() && Accounts::all().contain(&number("external:EUR:0")));
        assert_eq!(accounts.to_string(), "acme:*+shared");
    }

    #[test]
    fn the_systems_own_accounts_are_in_nobodys_pattern_by_chance() {
        let chance: Accounts = "e*".parse().unwrap();
        assert!(chance.contain(&number("eve")) && !chance.contain(&number("external:EUR:0")));
        let meant: Accounts = "external:*".parse().unwrap();
        assert!(meant.contain(&number("external:EUR:0")));
    }

    #[test]
    fn accounts_cover_those_that_are_all_among_them() {
        let covers = |outer: &str, inner: &str| {
            outer.parse::<Accounts>().unwrap().cover(&inner.parse::<Accounts>().unwrap())
        };
        for (outer, inner) in [
            ("*", "*"),
            ("*", "external:*"),
            ("acme:*", "acme:1+acme:2*"),
            ("a+b*", "bb*+a"),
            ("e*", "eve+e*"),
        ] {
            assert!(covers(outer, inner), "{outer} {inner}");
        }
        for (outer, inner) in [
            ("acme:*", "*"),
            ("acme:1", "acme:*"),
            ("acme:*", "acme:1+beta"),
            ("e*", "external:EUR:0"),
            ("e*", "external:*"),
        ] {
            assert!(!covers(outer, inner), "{outer} {inner}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        for wrong in ["", "a*b", "**", "a b", "acme:%", "*acme", &"a".repeat(35)] {
            let told = wrong.parse::<Accounts>().unwrap_err().to_string();
            assert!(told.contains(&format!("`{wrong}`")), "{told}");
        }
        let many: Vec<_> = (0..101).map(|n| n.to_string()).collect();
        assert_eq!(many.join("+").parse::<Accounts>(), Err(InvalidAccounts::TooMany));
    }
}
