//! Clients: each draws on accounts of its own, sends again what was not accepted, and remembers what was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use contract::{message, submission};
use domain::id::{Identity, JobId};
use domain::lane::Lane;
use domain::text::{Client as ClientId, Reference};
use tests::load::Record;
use tokio::sync::oneshot;

use crate::database::REFUSED;
use crate::fleet::{Fleet, Ingress};
use crate::world::{World, lock};

/// Accounts of each client.
const ACCOUNTS: u32 = 2;

/// The highest overdraft limit of an account, in minor units.
const OVERDRAFT_MAX: u32 = 1_000;

/// What the clients know.
#[derive(Default)]
pub struct Known {
    /// What was promised to them.
    pub record: Record,
    /// Every body that was sent, by the id that it had first.
    pub bodies: BTreeMap<JobId, String>,
    /// Jobs that the database refuses.
    pub refused: BTreeSet<JobId>,
    /// Jobs whose identity another body came under.
    pub contested: BTreeSet<JobId>,
}

/// A job that is ready to be sent.
#[derive(Clone)]
struct Sent {
    id: JobId,
    lane: Lane,
    message: Bytes,
    is_scheduled: bool,
}

pub struct Client {
    fleet: Fleet,
    world: World,
    number: u32,
    count: u32,
    holds: Vec<(JobId, String)>,
    past: Vec<(JobId, String)>,
    known: Arc<Mutex<Known>>,
    record: Record,
}

impl Client {
    /// One that has sent nothing.
    pub fn new(fleet: &Fleet, number: u32, known: &Arc<Mutex<Known>>) -> Client {
        Client {
            world: fleet.world().clone(),
            fleet: fleet.clone(),
            number,
            count: 0,
            holds: Vec::new(),
            past: Vec::new(),
            known: known.clone(),
            record: Record::default(),
        }
    }

    /// Sends all that it has to send, until it is accepted.
    pub async fn send_all(mut self) {
        for number in 0..ACCOUNTS {
            let account = account(self.number, number);
            let limit = self.world.below(3) * OVERDRAFT_MAX / 2;
            let open = format!(
                r#"{{"kind":"open_account","account":"{account}","currency":"XTS","overdraft_limit":{limit}}}"#
            );
            let deposit =
                format!(r#"{{"kind":"deposit","account":"{account}","amount":10000,"currency":"XTS"}}"#);
            self.send(&account, &[open, deposit]).await;
        }
        for _ in 0..self.fleet.sizes().batches {
            self.world.pass(self.world.millis(0, 2_000)).await;
            let account = account(self.number, self.world.below(ACCOUNTS));
            let jobs = if self.world.percent(if self.fleet.sizes().job_ms > 0 { 30 } else { 3 }) {
                40
            } else {
                1 + self.world.below(5)
            };
            let bodies: Vec<_> = (0..jobs).map(|_| self.body(&account)).collect();
            self.send(&account, &bodies).await;
            if self.fleet.sizes().schedules {
                let body = self.body_of_a_day_to_come(&account);
                self.send(&account, &[body]).await;
            }
        }
        lock(&self.known).record.join(self.record);
    }

    /// Sends a few jobs of one account, which has nothing to do with any other.
    pub async fn send_alone(mut self) {
        let account = account(self.number, 0);
        let deposit = format!(r#"{{"kind":"deposit","account":"{account}","amount":5,"currency":"XTS"}}"#);
        let open = format!(r#"{{"kind":"open_account","account":"{account}","currency":"XTS"}}"#);
        for body in [open, deposit.clone(), deposit] {
            self.send(&account, &[body]).await;
            self.world.pass(self.world.millis(0, 3_000)).await;
        }
        lock(&self.known).record.join(self.record);
    }

    /// Something that draws on `account`.
    fn body(&mut self, account: &str) -> String {
        let world = &self.world;
        let amount = 1 + world.below(1_500);
        let other = self::account(world.below(self.fleet.sizes().clients), world.below(ACCOUNTS));
        let hold =
            self.holds.iter().filter(|(_, held)| held == account).map(|(id, _)| *id).collect::<Vec<_>>();
        let hold = world.pick(&hold).copied();
        match (world.below(100), hold) {
            (0..8, _) => {
                let end = jiff::Timestamp::from_microsecond(
                    world.now_us() + i64::from(1 + world.below(12)) * 1_000_000,
                );
                let end = end.map_or_else(|_| String::new(), |end| format!(r#","expires_at":"{end}""#));
                let end = if world.percent(70) { end } else { String::new() };
                format!(r#"{{"kind":"hold","account":"{account}","amount":{amount},"currency":"XTS"{end}}}"#)
            }
            (8..17, Some(hold)) => format!(r#"{{"kind":"capture","account":"{account}","hold":"{hold}"}}"#),
            (17..20, Some(hold)) => format!(r#"{{"kind":"release","account":"{account}","hold":"{hold}"}}"#),
            (20..28, _) => {
                format!(r#"{{"kind":"deposit","account":"{account}","amount":{amount},"currency":"XTS"}}"#)
            }
            (28..36, _) => {
                format!(r#"{{"kind":"withdrawal","account":"{account}","amount":{amount},"currency":"XTS"}}"#)
            }
            (36..42, _) if other != account => format!(
                r#"{{"kind":"journal","currency":"XTS","legs":[{{"account":"{other}","amount":{amount}}},{{"account":"{account}","amount":-{amount}}}]}}"#
            ),
            (42..46, _) => match world.pick(&self.past) {
                Some((job, of)) if of == account => {
                    format!(r#"{{"kind":"reversal","account":"{account}","job":"{job}"}}"#)
                }
                _ => format!(r#"{{"kind":"freeze_account","account":"{account}"}}"#),
            },
            // Never below a limit that was there before: no overdraft is beyond its limit then (O3).
            (46..48, _) => format!(
                r#"{{"kind":"set_overdraft_limit","account":"{account}","overdraft_limit":{OVERDRAFT_MAX}}}"#
            ),
            (48..52, _) => format!(r#"{{"kind":"unfreeze_account","account":"{account}"}}"#),
            (52..54, _) => format!(
                r#"{{"kind":"deposit","account":"{account}","amount":{amount},"currency":"XTS","memo":"{REFUSED}"}}"#
            ),
            _ if other == account => {
                format!(r#"{{"kind":"deposit","account":"{account}","amount":{amount},"currency":"XTS"}}"#)
            }
            _ => format!(
                r#"{{"kind":"transfer","from":"{account}","to":"{other}","amount":{amount},"currency":"XTS"}}"#
            ),
        }
    }

    /// Something that is to be executed some seconds from now, or a moment ago.
    fn body_of_a_day_to_come(&mut self, account: &str) -> String {
        let at = self.world.now_us() + (i64::from(self.world.below(30_000)) - 2_000) * 1_000;
        let at = jiff::Timestamp::from_microsecond(at).unwrap_or_default();
        let body = self.body(account);
        // A journal ends in brackets of its own, and has no reference.
        if body.contains('[') || body.contains(r#""kind":"hold""#) {
            return body;
        }
        body.replacen('}', &format!(r#","execute_at":"{at}"}}"#), 1)
    }

    /// Sends jobs of one account until all are accepted, or until it is tired of it.
    async fn send(&mut self, account: &str, bodies: &[String]) {
        let batch: Vec<Sent> = bodies.iter().filter_map(|body| self.prepare(account, body)).collect();
        let Some(lane) = batch.first().map(|job| job.lane) else { return };
        let mut accepted = vec![false; batch.len()];
        let mut tries = 0;
        while accepted.contains(&false) && (tries < 3 || !self.world.percent(4)) {
            tries += 1;
            let missing: Vec<usize> = (0..batch.len()).filter(|place| !accepted[*place]).collect();
            let messages = missing.iter().map(|place| batch[*place].message.clone()).collect();
            for (place, is_accepted) in missing.into_iter().zip(self.publish(lane, messages).await) {
                accepted[place] = is_accepted;
            }
            if accepted.contains(&false) {
                self.world.pass(self.world.millis(50, 900)).await;
            }
        }
        let count = accepted.iter().filter(|accepted| **accepted).count();
        self.world.note(format_args!(
            "client {} has {count} of {} jobs of {account} accepted, tries {tries}",
            self.number,
            batch.len()
        ));
        let promised = batch.iter().zip(&accepted).filter(|(_, accepted)| **accepted);
        // What waits for its day has no place among the others of its account.
        let place = |job: &Sent| {
            if job.is_scheduled { format!("{account} at its time: {}", job.id) } else { account.to_owned() }
        };
        let promised: Vec<_> = promised.map(|(job, _)| (place(job), job.id.to_string())).collect();
        let promised = promised.iter().map(|(place, id)| (place.as_str(), id.clone()));
        if tries == 1 {
            self.record.accept_in_order(promised);
        } else {
            // What was refused or not answered may have come before or after its neighbours.
            self.record.accept_at_once(promised);
        }
        if self.world.percent(6) {
            self.send_again(account, &batch, &accepted).await;
        }
    }

    /// The same job again, or another one under its identity: neither has an effect.
    async fn send_again(&mut self, account: &str, batch: &[Sent], accepted: &[bool]) {
        let Some(job) = batch.iter().zip(accepted).find(|(_, accepted)| **accepted).map(|(job, _)| job)
        else {
            return;
        };
        let mut again = job.message.clone();
        if self.world.percent(40) {
            let body = format!(
                r#"{{"kind":"withdrawal","account":"{account}","amount":1,"currency":"XTS","memo":"another"}}"#
            );
            lock(&self.known).contested.insert(job.id);
            again = self.written(job.id, &body).map_or(again, |(_, message)| message);
        }
        self.publish(job.lane, vec![again]).await;
    }

    fn prepare(&mut self, account: &str, body: &str) -> Option<Sent> {
        self.count += 1;
        let reference = format!("c{}-{}", self.number, self.count);
        let id = JobId::derived(&client()?, Identity::Reference(&Reference::parse(reference.clone()).ok()?));
        let body =
            body.replacen('}', &format!(r#","reference":"{reference}"}}"#), usize::from(!body.contains('[')));
        let (lane, message) = self.written(id, &body)?;
        match body.split('"').nth(3) {
            Some("hold") => self.holds.push((id, account.to_owned())),
            Some("transfer" | "withdrawal" | "journal") => self.past.push((id, account.to_owned())),
            _ => {}
        }
        let mut known = lock(&self.known);
        if body.contains(REFUSED) {
            known.refused.insert(id);
        }
        let spec = submission::parse(body.as_bytes()).ok()?;
        known.bodies.insert(id, submission::canonical(&spec));
        Some(Sent { id, lane, message, is_scheduled: spec.execute_at.is_some() })
    }

    /// The wire form of a job, and its lane.
    fn written(&self, id: JobId, body: &str) -> Option<(Lane, Bytes)> {
        let spec = match submission::parse(body.as_bytes()) {
            Ok(spec) => spec,
            Err(invalid) => {
                self.world.wrong(format_args!("the simulation made no job: {invalid:?} in {body}"));
                return None;
            }
        };
        let body = submission::canonical(&spec);
        let message = message::write(id, &client()?, None, &[], None, &body).ok()?;
        Some((spec.lane(self.fleet.sizes().lanes()), message.into()))
    }

    /// Asks an ingress; true for each job that it accepts.
    async fn publish(&self, lane: Lane, messages: Vec<Bytes>) -> Vec<bool> {
        let refused = vec![false; messages.len()];
        let ingresses = self.fleet.ingresses();
        let Some(Ingress { process, publisher }) = self.world.pick(&ingresses).cloned() else {
            return refused;
        };
        let (reply, answer) = oneshot::channel();
        let asked = process.clone();
        // The request is there, whether its client waits or not.
        tokio::spawn(async move {
            asked.gate().await;
            let results = publisher.publish_many(lane, messages).await;
            asked.gate().await;
            let _ = reply.send(results.iter().map(Result::is_ok).collect());
        });
        let patience = Duration::from_secs(if self.world.percent(20) { 2 } else { 20 });
        let answered = tokio::select! {
            biased;
            answer = answer => answer.ok(),
            () = process.ended() => None,
            () = self.world.pass(patience) => None,
        };
        answered.unwrap_or(refused)
    }
}

fn client() -> Option<ClientId> {
    ClientId::parse("simulated").ok()
}

/// The number of an account of a client.
pub fn account(client: u32, number: u32) -> String {
    format!("c{client}:{number}")
}
