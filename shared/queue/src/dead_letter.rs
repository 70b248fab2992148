//! What a dead letter is about, as far as it can be read.

use contract::analysis::AnalysisWork;
use contract::envelope::{Envelope, Failed, QueuedJob};
use domain::account::AccountNumber;
use domain::lane::Lane;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::DeadLetter;

/// The kind of work without an order.
const ANALYSIS: &str = "analyse_patterns";

/// One job of a letter. What no release reads as a job may still say some of this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetterJob {
    /// Its id.
    pub id: Option<String>,
    /// Who submitted it.
    pub client: Option<String>,
    /// What it does.
    pub kind: Option<String>,
    /// The accounts that it names.
    pub accounts: Vec<AccountNumber>,
    /// In minor units.
    pub amount: Option<i64>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// The client's own name for it.
    pub reference: Option<String>,
    /// How often it was given up, and since when.
    pub failed: Option<Failed>,
}

impl DeadLetter {
    /// Its jobs: one where a worker kept it, more where the broker put a whole envelope there, none where it cannot be read.
    pub fn jobs(&self) -> Vec<LetterJob> {
        if self.lane == Lane::NONE {
            return serde_json::from_slice(&self.payload).ok().map(of_work).into_iter().collect();
        }
        let Ok(envelope) = Envelope::read(&self.payload) else { return Vec::new() };
        envelope.jobs.iter().map(|job| of_job(job).unwrap_or_default()).collect()
    }
}

fn of_work(work: AnalysisWork) -> LetterJob {
    let (AnalysisWork::Plan { run, .. } | AnalysisWork::Batch { run, .. }) = work;
    // Without accounts: a run is its client's alone, whichever accounts it reads.
    LetterJob {
        id: Some(run.run.to_string()),
        client: Some(run.client),
        kind: Some(ANALYSIS.to_owned()),
        ..LetterJob::default()
    }
}

fn of_job(job: &RawValue) -> Option<LetterJob> {
    let queued = QueuedJob::read(job).ok()?;
    let message: Map<String, Value> = serde_json::from_str(queued.job.get()).ok()?;
    let body = message.get("body").and_then(Value::as_object);
    let in_body = |name: &str| Some(body?.get(name)?.as_str()?.to_owned());
    let legs = body.and_then(|body| body.get("legs")?.as_array()).into_iter().flatten();
    let of_legs = legs.filter_map(|leg| Some(leg.get("account")?.as_str()?.to_owned()));
    let accounts = ["account", "from", "to"].into_iter().filter_map(in_body).chain(of_legs);
    Some(LetterJob {
        id: message.get("id").and_then(Value::as_str).map(str::to_owned),
        client: message.get("client").and_then(Value::as_str).map(str::to_owned),
        kind: in_body("kind"),
        accounts: accounts.filter_map(|number| AccountNumber::parse(&number).ok()).collect(),
        amount: body.and_then(|body| body.get("amount")?.as_i64()),
        currency: in_body("currency"),
        reference: in_body("reference"),
        failed: queued.failed,
    })
}

#[cfg(test)]
mod tests {
    use contract::envelope::{self, Enclosed};
    use jiff::Timestamp;

    use super::*;

    fn letter(body: &str) -> DeadLetter {
        let job = format!(r#"{{"id":"an id","client":"acme","body":{body}}}"#);
        let failed = Some(Failed { attempts: 3, first_at: 7 });
        let at = Timestamp::from_second(100).unwrap();
        let enclosed = Enclosed { accepted_at: at, origin: None, failed, trace: None, job: job.as_bytes() };
        let payload = envelope::write("api-1", [enclosed]);
        DeadLetter { id: "1".to_owned(), lane: Lane(4), cause: "Disk FULL".to_owned(), at, payload }
    }

    #[test]
    fn a_letter_says_what_it_is_about_even_where_its_body_is_no_job() {
        let letter = letter(r#"{"kind":"teleport","from":"a","to":"b","amount":5,"currency":"EUR"}"#);
        let jobs = letter.jobs();
        let [job] = jobs.as_slice() else { panic!("{jobs:?}") };
        assert_eq!(job.id.as_deref(), Some("an id"));
        assert_eq!((job.client.as_deref(), job.kind.as_deref()), (Some("acme"), Some("teleport")));
        assert_eq!(job.accounts.iter().map(AccountNumber::as_str).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((job.amount, job.currency.as_deref()), (Some(5), Some("EUR")));
        assert_eq!(job.failed.map(|failed| failed.attempts), Some(3));
        let stranger = DeadLetter { payload: "no envelope".into(), ..letter };
        assert_eq!(stranger.jobs(), []);
    }
}
