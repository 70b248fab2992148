//! What a worker tells the ingress replica on which a client waits.
//!
//! Best effort: it only spares the client the time until the ingress next looks into the ledger.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use domain::fingerprint::Fingerprint;
use domain::id::JobId;
use domain::job::Job;
use domain::outcome::{Outcome, RecordedOutcome};

/// What became of some jobs of one batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobResults {
    /// One for each job whose client waits at the receiving replica.
    pub results: Vec<JobResult>,
}

/// What became of one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobResult {
    /// The job.
    pub id: JobId,
    /// Of the body that this is about, in hexadecimal: two bodies may have come under one id.
    #[serde(serialize_with = "write_hex", deserialize_with = "read_hex")]
    pub fingerprint: Fingerprint,
    /// What the ledger holds of the id; on the wire under the name that earlier releases know.
    #[serde(rename = "verdict")]
    pub outcome: RecordedOutcome,
    /// The ledger holds another body under the id: this one never takes effect.
    pub conflict: bool,
}

impl JobResult {
    /// What posting a batch did with `job`.
    pub fn of(job: &Job, outcome: Outcome) -> JobResult {
        let conflict = matches!(outcome, Outcome::Conflict(_));
        JobResult { id: job.id, fingerprint: job.fingerprint, outcome: outcome.recorded(), conflict }
    }

    /// `job` could not be posted and is kept as a dead letter.
    pub fn dead(job: &Job) -> JobResult {
        JobResult {
            id: job.id,
            fingerprint: job.fingerprint,
            outcome: RecordedOutcome::Dead,
            conflict: false,
        }
    }
}

fn write_hex<S: Serializer>(fingerprint: &Fingerprint, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{fingerprint:?}"))
}

fn read_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fingerprint, D::Error> {
    let hex = String::deserialize(deserializer)?;
    let number = u128::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 32);
    let number = number.ok_or_else(|| de::Error::custom("a fingerprint is 32 hexadecimal digits"))?;
    Ok(Fingerprint(number.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::job::{Action, Spec};
    use domain::lane::Lane;
    use domain::outcome::Rejection;
    use domain::text::Client;

    #[test]
    fn the_wire_form_holds_still() {
        let body = r#"{"kind":"close_account","account":"a"}"#;
        let job = Job {
            id: JobId::from_chance(1_795_453_200_000, [1, 2, 3, 4, 5, 6]),
            client: Client::parse("acme").unwrap(),
            lane: Lane(0),
            ingress: "api-1".to_owned(),
            accepted_at: 7,
            fingerprint: Fingerprint::of(body),
            body: body.to_owned(),
            spec: Spec::of(Action::CloseAccount { account: "a".parse().unwrap() }),
            origin: None,
            former: Vec::new(),
            grant: None,
        };
        let rejected = Outcome::Duplicate(RecordedOutcome::Rejected(Rejection::AccountNotFound));
        let told = JobResults {
            results: vec![
                JobResult::of(&job, rejected),
                JobResult::of(&job, Outcome::Conflict(RecordedOutcome::Posted)),
                JobResult::dead(&job),
                JobResult::of(&job, Outcome::Cancelled),
                JobResult::of(&job, Outcome::Scheduled),
            ],
        };
        let golden = concat!(
            r#"{"results":[{"id":"ID","fingerprint":"FP","verdict":{"outcome":"rejected","reason":"account_not_found"},"conflict":false},"#,
            r#"{"id":"ID","fingerprint":"FP","verdict":{"outcome":"posted"},"conflict":true},"#,
            r#"{"id":"ID","fingerprint":"FP","verdict":{"outcome":"dead"},"conflict":false},"#,
            r#"{"id":"ID","fingerprint":"FP","verdict":{"outcome":"cancelled"},"conflict":false},"#,
            r#"{"id":"ID","fingerprint":"FP","verdict":{"outcome":"scheduled"},"conflict":false}]}"#
        );
        let golden =
            golden.replace("ID", &job.id.to_string()).replace("FP", &format!("{:?}", job.fingerprint));
        assert_eq!(serde_json::to_string(&told).unwrap(), golden);
        assert_eq!(serde_json::from_str::<JobResults>(&golden).unwrap(), told);
        let short = golden.replace(&format!("{:?}", job.fingerprint), "12");
        assert!(serde_json::from_str::<JobResults>(&short).is_err());
    }
}
