//! A job on its way from an ingress to a worker: one element of an envelope.

use domain::access::Accounts;
use domain::fingerprint::Fingerprint;
use domain::id::FormerId;
use domain::id::JobId;
use domain::job::{Job, Spec};
use domain::lane::Lane;
use domain::text::Client;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::submission::{self, Invalid};

/// The wire form of a job. `body` is in canonical form and is stored as it is.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct JobMessage<'a> {
    /// The job's id.
    pub id: JobId,
    /// Who submitted it.
    pub client: Client,
    /// The ingress replica on which a client waits for the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Ids under which the ledger may hold it already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<FormerId>,
    /// Of a reversal: the accounts that it may debit, where they are not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Accounts>,
    /// The job's body.
    #[serde(borrow)]
    pub body: &'a RawValue,
}

/// A job that was read off the queue.
#[derive(Debug)]
pub struct ReceivedJob {
    /// The job.
    pub job: Job,
    /// The ingress replica to tell of its outcome.
    pub reply_to: Option<String>,
}

/// A message that is no job.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not the wire form.
    #[error("not a job's message: {0}")]
    Form(#[from] serde_json::Error),
    /// The wire form around a body that is no job.
    #[error("not a job's body: {0}")]
    Body(#[from] Invalid),
}

/// Writes the wire form of a job.
///
/// # Errors
/// `body` is not JSON.
pub fn write(
    id: JobId,
    client: &Client,
    reply_to: Option<&str>,
    former: &[FormerId],
    grant: Option<&Accounts>,
    body: &str,
) -> serde_json::Result<Vec<u8>> {
    let body: &RawValue = serde_json::from_str(body)?;
    let (reply_to, former, grant) = (reply_to.map(str::to_owned), former.to_vec(), grant.cloned());
    serde_json::to_vec(&JobMessage { id, client: client.clone(), reply_to, former, grant, body })
}

/// Reads the wire form of a job that came by `lane` and that `ingress` accepted at `accepted_at` (µs since
/// the Unix epoch).
///
/// # Errors
/// It is not a job's message, or its body is no job.
pub fn read(json: &str, lane: Lane, ingress: &str, accepted_at: i64) -> Result<ReceivedJob, Unreadable> {
    let message: JobMessage<'_> = serde_json::from_str(json)?;
    let spec: Spec = submission::parse(message.body.get().as_bytes())?;
    let body = message.body.get().to_owned();
    let job = Job {
        id: message.id,
        client: message.client,
        lane,
        ingress: ingress.to_owned(),
        accepted_at,
        fingerprint: Fingerprint::of(&body),
        body,
        spec,
        origin: None,
        former: message.former,
        grant: message.grant,
    };
    Ok(ReceivedJob { job, reply_to: message.reply_to })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::Sameness;

    #[test]
    fn a_job_says_which_ids_it_had() {
        let id = JobId::from_chance(1_795_453_200_000, [1, 2, 3, 4, 5, 6]);
        let client = Client::parse("acme").unwrap();
        let former = [FormerId { id, sameness: Sameness::SameReference }];
        let body = r#"{"kind":"close_account","account":"a"}"#;
        let json = String::from_utf8(write(id, &client, None, &former, None, body).unwrap()).unwrap();
        let golden = r#"{"id":"ID","client":"acme","former":[{"id":"ID","if":"same_reference"}],"body":{"kind":"close_account","account":"a"}}"#;
        assert_eq!(json, golden.replace("ID", &id.to_string()));
        assert_eq!(read(&json, Lane(3), "api-1", 7).unwrap().job.former, former);
    }

    #[test]
    fn a_reversal_says_what_it_may_debit() {
        let id = JobId::from_chance(1_795_453_200_000, [1, 2, 3, 4, 5, 6]);
        let (client, grant) = (Client::parse("acme").unwrap(), "acme:*+shared".parse::<Accounts>().unwrap());
        let body = format!(r#"{{"kind":"reversal","account":"acme:1","job":"{id}"}}"#);
        let json = write(id, &client, None, &[], Some(&grant), &body).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert!(json.contains(r#""grant":"acme:*+shared""#), "{json}");
        assert_eq!(read(&json, Lane(3), "api-1", 7).unwrap().job.grant, Some(grant));
    }

    #[test]
    fn the_wire_form_holds_still() {
        let id = JobId::from_chance(1_795_453_200_000, [1, 2, 3, 4, 5, 6]);
        let client = Client::parse("acme").unwrap();
        let body = r#"{"kind":"close_account","account":"a"}"#;
        let json = String::from_utf8(write(id, &client, Some("api-1"), &[], None, body).unwrap()).unwrap();
        let golden =
            r#"{"id":"ID","client":"acme","reply_to":"api-1","body":{"kind":"close_account","account":"a"}}"#;
        assert_eq!(json, golden.replace("ID", &id.to_string()));
        let read = read(&json, Lane(3), "api-1", 7).unwrap();
        assert_eq!((read.job.id, read.job.accepted_at, read.job.body.as_str()), (id, 7, body));
        assert_eq!(read.reply_to.as_deref(), Some("api-1"));
        assert!(read.job.former.is_empty());
    }
}
