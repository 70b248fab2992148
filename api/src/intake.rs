//! From the bytes of a body to a job that can be published.

use std::collections::HashMap;

use bytes::Bytes;
use contract::submission::Invalid;
use contract::{message, submission};
use domain::access::Accounts;
use domain::fingerprint::Fingerprint;
use domain::id::{FormerId, Sameness};
use domain::id::{Identity, JobId};
use domain::job::{Kind, Spec};
use domain::json;
use domain::lane::Lane;
use domain::schedule::ExecuteAt;
use domain::text::{Client, Reference};
use formats::{FormerName, PaymentName};
use runtime::clock;

use crate::admission::Behind;
use crate::context::Ingress;
use crate::identity::{Claim, IdempotencyKey, Identified, LineOfBatch, ReferenceAsSent, Who, names_of};
use crate::keys::{Caller, check_drawn_on};
use crate::order::Order;
use crate::problem::{self, Problem, ProblemType};

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
    /// Nothing had come under its id, as far as this replica knows.
    pub is_new: bool,
    /// The same body had come under its id, as far as this replica knows.
    pub came_before: bool,
    /// It is known by a reference.
    pub has_reference: bool,
    /// When it is to be executed.
    pub execute_at: Option<ExecuteAt>,
}

/// Who sends what comes in, and under which key.
#[derive(Clone, Copy)]
pub struct Intake<'a> {
    /// The ingress.
    pub ingress: &'a Ingress,
    /// The client.
    pub client: &'a Client,
    /// The accounts that it may draw on.
    pub accounts: &'a Accounts,
    /// The client and the ids that it had before.
    pub who: &'a Who<'a>,
    /// The request's key.
    pub key: Option<&'a IdempotencyKey>,
}

/// How often a batch has said the same, by what was said.
#[derive(Debug, Default)]
pub struct SaidBefore(HashMap<Fingerprint, u64>);

impl SaidBefore {
    /// How often with this time.
    fn count(&mut self, content: Fingerprint) -> u64 {
        let times = self.0.entry(content).or_default();
        *times += 1;
        *times
    }
}

/// A body that was read: the job, its canonical form with the fingerprint of that, and its reference as it was sent.
struct Read {
    spec: Spec,
    body: String,
    fingerprint: Fingerprint,
    sent: Option<Reference>,
}

impl Read {
    /// A job as it comes in: a body that is no JSON is distinguished from one that is no job.
    fn new(json: &[u8]) -> Result<Read, Problem> {
        let spec = submission::accept(json, clock::utc_date(clock::now_us()));
        spec.and_then(Read::of).map_err(|invalid| match json::check(json) {
            Ok(()) => problem::invalid_job(invalid),
            Err(why) => problem::malformed(why),
        })
    }

    /// Takes the reference of a job to its one writing.
    fn of(mut spec: Spec) -> Result<Read, Invalid> {
        let sent = spec.reference.clone();
        if let Some(reference) = &sent {
            let canonical = reference.canonical().map_err(|error| Invalid {
                field: "reference".to_owned(),
                value: serde_json::to_string(reference).unwrap_or_default(),
                remedy: error.to_string(),
            });
            spec.reference = Some(canonical.map_err(Invalid::shortened)?);
        }
        let body = submission::canonical(&spec);
        Ok(Read { fingerprint: Fingerprint::of(&body), body, spec, sent })
    }

    fn reference(&self) -> Option<ReferenceAsSent<'_>> {
        let (canonical, sent) = (self.spec.reference.as_ref()?, self.sent.as_ref()?);
        Some(ReferenceAsSent { canonical, sent })
    }
}

/// A job among others. An analysis has no place in their order, and its refusal names the right place.
fn ordered(json: &[u8]) -> Result<Read, Problem> {
    Read::new(json).map_err(|problem| {
        let is_analysis = Order::of_job(json).is_some();
        if is_analysis {
            let (field, value) = ("kind".to_owned(), "\"analyse_patterns\"".to_owned());
            let remedy =
                "is work without an order: send it alone to /api/jobs, or for many accounts to /api/analyses";
            problem::invalid_job(Invalid { field, value, remedy: remedy.to_owned() })
        } else {
            problem
        }
    })
}

/// What a row of a file without a reference is known by.
#[derive(Debug, Clone, Copy)]
pub enum RowKnownBy<'a> {
    /// By its file and its place in it.
    Place {
        /// Of the text of the file.
        file: &'a [u8; 32],
        /// Where the row stands: see [`formats::Row::place`].
        place: u64,
    },
    /// By what its message calls it.
    Payment(&'a PaymentName),
}

/// What a row of a file says.
#[derive(Debug, Clone, Copy)]
pub struct RowRead {
    /// Of its job.
    pub fingerprint: Fingerprint,
    /// The job is known by a reference.
    pub has_reference: bool,
}

/// Reads a row without making a job of it.
pub fn read_row(json: &[u8]) -> Result<RowRead, Problem> {
    let Read { spec, fingerprint, .. } = ordered(json)?;
    Ok(RowRead { fingerprint, has_reference: spec.reference.is_some() })
}

impl<'a> Intake<'a> {
    /// What this caller sends; `who`: the client with the ids that it had before.
    pub fn of(
        ingress: &'a Ingress,
        caller: &'a Caller,
        who: &'a Who<'a>,
        key: Option<&'a IdempotencyKey>,
    ) -> Intake<'a> {
        Intake { ingress, client: &caller.client, accounts: &caller.accounts, who, key }
    }
}

impl Intake<'_> {
    /// A job on its own. `reply`: its client waits here for the outcome.
    pub fn job(&self, json: &[u8], reply: bool) -> Result<Prepared, Problem> {
        let read = Read::new(json)?;
        let identified = self.ingress.issuer.of_job(self.who, self.key, read.reference());
        self.claimed(self.prepare(&identified, &read, reply)?, &identified, &read.spec)
    }

    /// The job on one line of a batch. `reply`: its client waits here for the outcomes.
    pub fn line(
        &self,
        number: usize,
        json: &[u8],
        said: &mut SaidBefore,
        reply: bool,
    ) -> Result<Prepared, Problem> {
        let read = ordered(json)?;
        let line = self.key.map(|key| {
            let (content, nth) = (&read.fingerprint, said.count(read.fingerprint));
            let identity = Identity::Line { key: key.as_str(), content, nth };
            LineOfBatch { key, number, identity }
        });
        let identified = self.ingress.issuer.of_line(self.who, line, read.reference());
        self.claimed(self.prepare(&identified, &read, reply)?, &identified, &read.spec)
    }

    /// The same job, unless its client has to wait for the lane: then nothing has come under its id. One that came before is
    /// in the lane, or was: nobody says of it that it was not accepted.
    pub fn on_time(&self, job: Prepared, behind: &Behind) -> Result<Prepared, Problem> {
        match behind.check(job.lane) {
            Err(problem) if !job.came_before => {
                if job.is_new {
                    self.ingress.recent.release(job.id, job.fingerprint);
                }
                Err(problem)
            }
            _ => Ok(job),
        }
    }

    /// The job on a row of a file: known by its reference, else by `known_by`; release 0.1 may know it by `former`.
    pub fn row(
        &self,
        known_by: RowKnownBy<'_>,
        former: &FormerName,
        json: &[u8],
    ) -> Result<Prepared, Problem> {
        let read = ordered(json)?;
        let reference = read.reference();
        let mut identified = match (reference, known_by) {
            (Some(reference), _) => self.who.identified(Identity::Reference(reference.canonical)),
            (None, RowKnownBy::Place { file, place }) => {
                // Rows that a setting more does not change are the rows that came before.
                self.who.identified(Identity::Row { file, place, content: &read.fingerprint })
            }
            (None, RowKnownBy::Payment(payment)) => {
                let mut identified = self.who.identified(Identity::Payment(&payment.name));
                for FormerName { name, sameness } in &payment.others {
                    let id = JobId::derived(self.client, Identity::Payment(name));
                    identified.former.push(FormerId { id, sameness: *sameness });
                }
                identified
            }
        };
        for name in names_of(reference) {
            self.who.add_of_release(&mut identified, name, Sameness::SameReference);
        }
        if reference.is_none() {
            self.who.add_of_release(&mut identified, &former.name, former.sameness);
        }
        let prepared = self.prepare(&identified, &read, false)?;
        if self.ingress.recent.is_of_another(prepared.id, prepared.fingerprint) {
            return Err(conflict(prepared.id, &read.spec));
        }
        Ok(prepared)
    }

    fn prepare(&self, identified: &Identified, read: &Read, reply: bool) -> Result<Prepared, Problem> {
        let parts = &self.ingress.parts;
        let Read { spec, body, fingerprint, .. } = read;
        check_drawn_on(&spec.action, self.accounts)?;
        // What a reversal debits shows when it is posted.
        let is_limited = !self.accounts.are_all() && spec.action.kind() == Kind::Reversal;
        let grant = is_limited.then_some(self.accounts);
        let reply_to = reply.then_some(parts.replica.as_str());
        let (id, former) = (identified.id, &identified.former);
        let message = message::write(id, self.client, reply_to, former, grant, body).map_err(|error| {
            tracing::error!(%error, %id, "the canonical form of a job is not JSON");
            Problem::new(ProblemType::Internal, "the job could not be written down; report its body")
        })?;
        Ok(Prepared {
            id,
            kind: spec.action.kind(),
            lane: spec.lane(parts.lanes),
            message: message.into(),
            fingerprint: *fingerprint,
            is_new: false,
            came_before: false,
            has_reference: spec.reference.is_some(),
            execute_at: spec.execute_at,
        })
    }

    /// Refuses another body under an identity that this replica knows.
    fn claimed(&self, job: Prepared, identified: &Identified, spec: &Spec) -> Result<Prepared, Problem> {
        if !identified.is_derived {
            return Ok(job);
        }
        match self.ingress.recent.claim(job.id, job.fingerprint) {
            Claim::New => Ok(Prepared { is_new: true, ..job }),
            Claim::Same => Ok(Prepared { came_before: true, ..job }),
            Claim::Other => Err(conflict(job.id, spec)),
        }
    }
}

/// The identity of a job is another one's.
fn conflict(id: JobId, spec: &Spec) -> Problem {
    let (what, remedy) = match &spec.reference {
        Some(reference) => {
            let shown: String = reference.as_str().chars().take(40).collect();
            (format!("the reference {shown:?}"), "a reference of its own")
        }
        None => ("the key".to_owned(), "a key of its own"),
    };
    problem::conflict(id, &what, remedy)
}
