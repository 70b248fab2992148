//! What was sent, and how it is to be read.

use domain::access::Accounts;
use formats::{Format, InvalidMapping, Mapping};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::problem::Problem;

/// The longest name of a file that is kept, in characters.
const NAME_CHARS_MAX: usize = 255;

/// Of one import; kept beside its file and in the ledger's database.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// What the client calls the file.
    pub name: Option<String>,
    /// `csv`, `ndjson` or `pain.001`, where the client says so.
    pub format: Option<String>,
    /// The media type that the client states.
    pub media_type: Option<String>,
    /// Which columns and constants make a job, as the client wrote it.
    pub map: Option<String>,
    /// The character set, where the client says so.
    pub charset: Option<String>,
    /// The key that it was sent by; `None`: nobody was asked for one.
    pub grant: Option<Grant>,
    /// Nothing is to be queued.
    #[serde(default)]
    pub dry_run: bool,
    /// Size of the file as it was sent.
    #[serde(default)]
    pub bytes: u64,
}

/// The key that a file was sent by: what its rows may do is known after a restart, too.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The key's id.
    pub key: String,
    /// The accounts that rows may draw on.
    pub accounts: Accounts,
    /// Jobs a second.
    pub rate: Option<u32>,
}

impl Description {
    /// The accounts that its rows may draw on.
    pub fn accounts(&self) -> Accounts {
        self.grant.as_ref().map_or_else(Accounts::all, |grant| grant.accounts.clone())
    }

    /// Takes one of the parameters that say how a file is to be read.
    ///
    /// # Errors
    /// There is none of this name, or it cannot have this value.
    pub fn set(&mut self, name: &str, value: String) -> Result<(), Problem> {
        match name {
            "name" => self.name = Some(value.chars().take(NAME_CHARS_MAX).collect()),
            "format" => {
                value
                    .parse::<Format>()
                    .map_err(|error| Problem::parameter(name, &value, &error.to_string()))?;
                self.format = Some(value);
            }
            "map" => self.map = Some(value),
            "charset" => self.charset = Some(value),
            "dry_run" => {
                self.dry_run = match value.as_str() {
                    "true" | "1" => true,
                    "false" | "0" => false,
                    _ => return Err(Problem::parameter("dry_run", &value, "must be true or false")),
                };
            }
            _ => {
                let remedy = "is no parameter of an import; there are format, map, charset, dry_run and name";
                return Err(Problem::parameter(name, &value, remedy));
            }
        }
        Ok(())
    }

    /// How the columns of a CSV file become jobs.
    ///
    /// # Errors
    /// The map cannot be understood, or its charset is another.
    pub fn mapping(&self) -> Result<Mapping, InvalidMapping> {
        let mapping: Mapping = self.map.as_deref().map_or(Ok(Mapping::default()), str::parse)?;
        match &self.charset {
            Some(charset) => mapping.with_charset(charset),
            None => Ok(mapping),
        }
    }

    /// Names an import for ever: of the content of its file (a hash) and of all that decides what a row means.
    pub fn digest(&self, content: &[u8; 32]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(content);
        for said in [&self.format, &self.map, &self.charset] {
            let said = said.as_deref().unwrap_or_default();
            // The length keeps ("ab", "c") apart from ("a", "bc").
            hasher.update(&(said.len() as u64).to_be_bytes()).update(said.as_bytes());
        }
        if self.dry_run {
            hasher.update(b"dry run");
        }
        // What may be drawn on decides which rows are refused: another key's file is not this one.
        if let Some(grant) = self.grant.as_ref().filter(|grant| !grant.accounts.are_all()) {
            hasher.update(grant.accounts.to_string().as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_decides_what_a_row_means_is_in_the_digest() {
        let plain = Description { name: Some("a.csv".to_owned()), bytes: 7, ..Description::default() };
        let digest = plain.digest(&[1; 32]);
        assert_eq!(digest, Description { name: None, ..plain.clone() }.digest(&[1; 32]), "a name does not");
        let others = [
            Description { map: Some("a=b".to_owned()), ..plain.clone() },
            Description { charset: Some("a=b".to_owned()), ..plain.clone() },
            Description { format: Some("csv".to_owned()), ..plain.clone() },
            Description { dry_run: true, ..plain.clone() },
        ];
        let mut digests: Vec<_> = others.iter().map(|other| other.digest(&[1; 32])).collect();
        digests.extend([digest, plain.digest(&[2; 32])]);
        let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }
}
