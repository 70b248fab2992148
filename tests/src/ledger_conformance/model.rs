//! Random batches against a plain ledger in memory that is obviously right: the pure fold, on a ledger that holds
//! everything.

use anyhow::{Context as _, ensure};
use domain::fold::{Books, Original, fold};
use domain::id::JobId;
use domain::job::Job;
use domain::lane::Lane;
use domain::outcome::{Outcome, Recorded, RecordedOutcome};
use domain::standing_order::{StandingOrder, day_of};
use jiff::ToSpan as _;

use super::standing_orders::payment_job;
use super::subject::{Jobs, Subject, deposit, job, open, transfer};

/// Batches to a run.
const BATCHES: usize = 60;

/// A ledger in memory.
#[derive(Default)]
struct Model(Books);

impl Model {
    fn post(&mut self, jobs: &[Job]) -> Vec<Outcome> {
        let folded = fold(self.0.clone(), jobs, jiff::Timestamp::now().as_microsecond());
        for (job, outcome) in jobs.iter().zip(&folded.outcomes) {
            let outcome = match outcome {
                Outcome::Posted => RecordedOutcome::Posted,
                Outcome::Rejected(reason) => RecordedOutcome::Rejected(*reason),
                Outcome::Revived(outcome) => *outcome,
                Outcome::Cancelled => RecordedOutcome::Cancelled,
                Outcome::Scheduled => RecordedOutcome::Scheduled,
                Outcome::Duplicate(_) | Outcome::Conflict(_) => continue,
            };
            self.0.recorded.insert(job.id, Recorded { fingerprint: job.fingerprint, outcome });
            let entries = folded.entries.iter().filter(|entry| entry.job == job.id);
            let legs = entries.map(|entry| (entry.account.clone(), entry.amount)).collect();
            let kind = job.spec.action.kind();
            self.0.originals.insert(job.id, Original { kind, outcome, legs, reversed: false });
        }
        for original in folded.reversals.keys() {
            self.0.originals.entry(*original).and_modify(|original| original.reversed = true);
        }
        self.0.accounts.extend(folded.accounts);
        self.0.holds.extend(folded.holds);
        self.0.orders.extend(folded.orders);
        folded.outcomes
    }
}

/// xorshift64*, whose seed is told where a run fails.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % end
    }

    fn account(&mut self) -> String {
        format!("a{}", self.below(6))
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let place = usize::try_from(self.below(from.len().max(1) as u64)).ok()?;
        from.get(place).cloned()
    }
}

/// Whatever is posted, in whatever batches and lanes, the ledger answers and stands as the model does.
///
/// # Errors
/// It does not; names the seed.
pub async fn random_batches_do_what_the_model_does(subject: Subject) -> anyhow::Result<()> {
    let seed = match std::env::var("SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => u64::try_from(jiff::Timestamp::now().as_microsecond())?,
    };
    run(&subject, seed).await.with_context(|| format!("run with SEED={seed} to see it again"))
}

async fn run(subject: &Subject, seed: u64) -> anyhow::Result<()> {
    let (jobs, mut chance, mut model) = (Jobs::default(), Chance(seed | 1), Model::default());
    let mut past: Vec<Job> = Vec::new();
    let mut holds: Vec<(JobId, String)> = Vec::new();
    for _ in 0..BATCHES {
        let size = 1 + chance.below(30);
        let mut batch = Vec::new();
        for _ in 0..size {
            let orders: Vec<_> = model.0.orders.values().cloned().collect();
            let mut job = match chance.below(12) {
                0 => random_order_job(&mut chance, &jobs, &orders)?,
                _ => random_job(&mut chance, &jobs, &past, &holds),
            };
            job.lane = Lane(u16::try_from(chance.below(4))?);
            if let domain::job::Action::Hold { account, .. } = &job.spec.action {
                holds.push((job.id, account.to_string()));
            }
            past.push(job.clone());
            batch.push(job);
        }
        let (expected, outcomes) = (model.post(&batch), subject.ledger.post(&batch).await?);
        for ((job, expected), outcome) in batch.iter().zip(&expected).zip(&outcomes) {
            ensure!(expected == outcome, "{}: {outcome:?}, the model says {expected:?}", job.body);
        }
    }
    for (number, expected) in &model.0.accounts {
        let found = subject.account(number.as_str()).await?;
        let state = |account: &domain::account::Account| {
            (account.balance, account.held, account.status, account.seq, account.overdraft_limit)
        };
        ensure!(state(&found) == state(expected), "{found:?}, the model says {expected:?}");
    }
    for (id, expected) in &model.0.orders {
        let found = subject.ledger.standing_order(*id).await?.map(|record| record.order);
        ensure!(found.as_ref() == Some(expected), "{found:?}, the model says {expected:?}");
    }
    let outcomes = model.0.recorded.values().map(|recorded| recorded.outcome);
    let posted = outcomes.filter(|outcome| *outcome == RecordedOutcome::Posted).count();
    let totals = subject.ledger.totals().await?;
    ensure!(totals.posted == posted as u64, "{totals:?}, the model posted {posted}");
    // The jobs chose their lanes at random, so only the order may seem wrong.
    let audit = subject.ledger.audit().await?;
    ensure!(audit.is_clean(), "{:#?}", audit.findings);
    Ok(())
}

/// Opens an order whose first dates have passed, changes one, or makes its next payment.
fn random_order_job(chance: &mut Chance, jobs: &Jobs, orders: &[StandingOrder]) -> anyhow::Result<Job> {
    let order = chance.pick(orders);
    let body = match (order, chance.below(8)) {
        (Some(order), 0) => {
            let kind = chance.pick(&["pause", "resume", "resume", "close"]).unwrap_or("close");
            let account = &order.terms.account;
            format!(r#"{{"kind":"{kind}_standing_order","account":"{account}","order":"{}"}}"#, order.id)
        }
        (Some(order), 1..=5) if order.payment().is_some() => return payment_job(&order),
        _ => {
            let pays = chance.pick(&[r#""amount":20"#, r#""keep":50"#]).unwrap_or_default();
            let from = day_of(jiff::Timestamp::now().as_microsecond()).saturating_sub(30.days());
            let account = chance.account();
            let to = format!("a{}", (account.as_bytes().last().copied().unwrap_or_default() - b'0' + 1) % 6);
            format!(
                r#"{{"kind":"open_standing_order","account":"{account}","to":"{to}",{pays},"currency":"EUR","rule":{{"unit":"days","every":7,"from":"{from}"}}}}"#
            )
        }
    };
    Ok(jobs.job(&body))
}

fn random_job(chance: &mut Chance, jobs: &Jobs, past: &[Job], holds: &[(JobId, String)]) -> Job {
    let account = chance.account();
    let amount = 1 + chance.below(200).cast_signed();
    let other = loop {
        let other = chance.account();
        if other != account {
            break other;
        }
    };
    let body = match chance.below(20) {
        0 | 1 => open(&account).replace('}', &format!(r#","overdraft_limit":{}}}"#, amount % 50)),
        2..=4 => deposit(&account, amount * 2),
        5 => format!(r#"{{"kind":"withdrawal","account":"{account}","amount":{amount},"currency":"EUR"}}"#),
        6..=8 => transfer(&account, &other, amount),
        9 => format!(
            r#"{{"kind":"journal","currency":"EUR","legs":[{{"account":"{account}","amount":-{amount}}},{{"account":"{other}","amount":{amount}}}]}}"#
        ),
        10 | 11 => format!(r#"{{"kind":"hold","account":"{account}","amount":{amount},"currency":"EUR"}}"#),
        12 | 13 => match chance.pick(holds) {
            Some((hold, account)) if chance.below(3) > 0 => {
                format!(r#"{{"kind":"capture","account":"{account}","hold":"{hold}","amount":{amount}}}"#)
            }
            Some((hold, _)) => {
                format!(r#"{{"kind":"capture","account":"{account}","hold":"{hold}","to":"{other}"}}"#)
            }
            None => open(&account),
        },
        14 => match chance.pick(holds) {
            Some((hold, account)) => format!(r#"{{"kind":"release","account":"{account}","hold":"{hold}"}}"#),
            None => open(&account),
        },
        15 | 16 => match chance.pick(past) {
            Some(past) => {
                let account = past.spec.action.account();
                format!(r#"{{"kind":"reversal","account":"{account}","job":"{}"}}"#, past.id)
            }
            None => open(&account),
        },
        17 if chance.below(2) == 0 => {
            format!(r#"{{"kind":"set_overdraft_limit","account":"{account}","overdraft_limit":{amount}}}"#)
        }
        17 => {
            let kind = ["close_account", "freeze_account", "unfreeze_account", "unfreeze_account"];
            let kind = chance.pick(&kind).unwrap_or("close_account");
            format!(r#"{{"kind":"{kind}","account":"{account}"}}"#)
        }
        // The same again, and the same id with another body.
        18 => match chance.pick(past) {
            Some(past) => return past,
            None => open(&account),
        },
        _ => match chance.pick(past) {
            Some(past) => return job(past.id, past.accepted_at, &deposit(&account, amount)),
            None => open(&account),
        },
    };
    jobs.job(&body)
}
