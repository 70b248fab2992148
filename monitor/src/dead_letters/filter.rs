//! Which dead letters are wanted.

use domain::lane::Lane;
use jiff::Timestamp;
use queue::DeadLetter;
use queue::dead_letter::LetterJob;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

/// Which dead letters are wanted: those that all of this is so of. An empty one wants all.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LetterFilter {
    /// Its own id.
    pub id: Option<String>,
    /// The id of its job.
    pub job: Option<String>,
    /// The cause, to the letter.
    pub cause: Option<String>,
    /// A part of the cause, in capitals or not.
    pub cause_contains: Option<String>,
    /// What its job does.
    pub kind: Option<String>,
    /// Who submitted its job.
    pub client: Option<String>,
    /// An account that its job names.
    pub account: Option<String>,
    /// The lane that it comes from.
    pub lane: Option<u16>,
    /// Given up at this time or later (RFC 3339).
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Given up at this time or earlier (RFC 3339).
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

impl LetterFilter {
    /// Whether it wants this letter, which has these jobs.
    pub(crate) fn wants(&self, letter: &DeadLetter, jobs: &[LetterJob]) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let any = |wanted: &Option<String>, found: fn(&LetterJob) -> Option<&String>| {
            wanted.is_none() || jobs.iter().any(|job| found(job) == wanted.as_ref())
        };
        let is_about = |account: &String| {
            jobs.iter().any(|job| job.accounts.iter().any(|number| number.as_str() == account))
        };
        let contains = |part: &String| letter.cause.to_lowercase().contains(&part.to_lowercase());
        is(&self.id, &letter.id)
            && is(&self.cause, &letter.cause)
            && any(&self.job, |job| job.id.as_ref())
            && any(&self.kind, |job| job.kind.as_ref())
            && any(&self.client, |job| job.client.as_ref())
            && self.cause_contains.as_ref().is_none_or(contains)
            && self.account.as_ref().is_none_or(is_about)
            && self.lane.is_none_or(|lane| letter.lane == Lane(lane))
            && self.is_in_time(letter)
    }

    /// Whether it was given up in the time that is wanted.
    pub(crate) fn is_in_time(&self, letter: &DeadLetter) -> bool {
        self.since.is_none_or(|since| letter.at >= since) && self.until.is_none_or(|until| letter.at <= until)
    }
}

#[cfg(test)]
mod tests {
    use contract::envelope;

    use super::*;

    #[test]
    fn a_filter_wants_what_all_of_it_is_so_of() {
        let at = Timestamp::from_second(100).unwrap();
        let job = br#"{"id":"an id","client":"acme","body":{"kind":"deposit","account":"a","amount":5}}"#;
        let payload = envelope::write("api-1", [(at, job.as_slice())]);
        let letter =
            DeadLetter { id: "1".to_owned(), lane: Lane(4), cause: "Disk FULL".to_owned(), at, payload };
        let wants = |filter: &str| {
            let filter: LetterFilter = serde_json::from_str(filter).unwrap();
            filter.wants(&letter, &letter.jobs())
        };
        for wanted in [
            "{}",
            r#"{"cause":"Disk FULL","lane":4,"kind":"deposit","client":"acme","account":"a","job":"an id"}"#,
            r#"{"cause_contains":"disk f","lane":4,"id":"1"}"#,
            r#"{"since":"1970-01-01T00:01:40Z","until":"1970-01-01T00:01:40Z"}"#,
        ] {
            assert!(wants(wanted), "{wanted}");
        }
        for other in [
            r#"{"cause":"disk full"}"#,
            r#"{"lane":5}"#,
            r#"{"kind":"deposit","client":"beta"}"#,
            r#"{"account":"b"}"#,
            r#"{"job":"another"}"#,
            r#"{"since":"1970-01-01T00:01:41Z"}"#,
            r#"{"until":"1970-01-01T00:01:39Z"}"#,
        ] {
            assert!(!wants(other), "{other}");
        }
    }
}
