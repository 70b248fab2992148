//! From the bytes of a body to a job that can be published.

use bytes::Bytes;
use shared::clock;
use shared::contract::submission::Invalid;
use shared::contract::{message, submission};
use shared::domain::id::JobId;
use shared::domain::job::{Fingerprint, Kind, Spec};
use shared::domain::json;
use shared::domain::lane::Lane;
use shared::domain::text::Client;

use crate::identity::IdempotencyKey;
use crate::ingress::Ingress;
use crate::problem::{Problem, ProblemType};
use crate::routes::analyses::Order;

/// A job that only needs to be published.
#[derive(Debug)]
pub struct Prepared {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: Kind,
    /// Where it goes.
    pub lane: Lane,
    /// Its wire form.
    pub message: Bytes,
    /// Of its body.
    pub fingerprint: Fingerprint,
}

/// Who sends what comes in, and under which key.
#[derive(Clone, Copy)]
pub struct Intake<'a> {
    /// The ingress.
    pub ingress: &'a Ingress,
    /// The client.
    pub client: &'a Client,
    /// The request's key.
    pub key: Option<&'a IdempotencyKey>,
}

/// A job as it comes in: what is no JSON is told from what is no job.
fn accepted(json: &[u8]) -> Result<Spec, Problem> {
    submission::accept(json, clock::utc_date(clock::now_us())).map_err(|invalid| match json::check(json) {
        Ok(()) => Problem::from(invalid),
        Err(why) => Problem::malformed(why),
    })
}

/// A job among others. An analysis has no place in their order, and is told where it has one.
fn ordered(json: &[u8]) -> Result<Spec, Problem> {
    accepted(json).map_err(|problem| {
        let is_analysis = Order::of_job(json).is_some();
        if is_analysis {
            let (field, value) = ("kind".to_owned(), "\"analyse_patterns\"".to_owned());
            let remedy =
                "is work without an order: send it alone to /api/jobs, or for many accounts to /api/analyses";
            Problem::from(Invalid { field, value, remedy: remedy.to_owned() })
        } else {
            problem
        }
    })
}

impl Intake<'_> {
    /// A job on its own. `reply`: its client waits here for the outcome.
    pub fn job(&self, json: &[u8], reply: bool) -> Result<Prepared, Problem> {
        let spec = accepted(json)?;
        let id = self.ingress.issuer.of_job(self.client, self.key, spec.reference.as_ref());
        self.prepare(id, &spec, reply)
    }

    /// The job on one line of a batch. `reply`: its client waits here for the outcomes.
    pub fn line(&self, number: usize, json: &[u8], reply: bool) -> Result<Prepared, Problem> {
        let spec = ordered(json)?;
        let id = self.ingress.issuer.of_line(self.client, self.key, number, spec.reference.as_ref());
        self.prepare(id, &spec, reply)
    }

    /// The job on a row of an import: its id is that of its reference, else that of `key`.
    pub fn row(&self, key: &str, json: &[u8]) -> Result<Prepared, Problem> {
        let spec = ordered(json)?;
        let key = spec.reference.as_ref().map_or(key, |reference| reference.as_str());
        self.prepare(JobId::derived(self.client, key), &spec, false)
    }

    fn prepare(&self, id: JobId, spec: &shared::domain::job::Spec, reply: bool) -> Result<Prepared, Problem> {
        let parts = &self.ingress.parts;
        let body = submission::canonical(spec);
        let reply_to = reply.then_some(parts.replica.as_str());
        let message = message::write(id, self.client, reply_to, &body).map_err(|error| {
            tracing::error!(%error, body, "the canonical form of a job is not JSON");
            Problem::new(ProblemType::Internal, "the job could not be written down; tell us its body")
        })?;
        Ok(Prepared {
            id,
            kind: spec.action.kind(),
            lane: spec.lane(parts.lanes),
            message: message.into(),
            fingerprint: Fingerprint::of(&body),
        })
    }
}
