//! The accounts that a measurement's transfers go between, and the transfers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Context as _, ensure};
use contract::submission;
use domain::account::AccountNumber;
use domain::fingerprint::Fingerprint;
use domain::id::{Identity, JobId};
use domain::job::{Action, Job, Money, Spec};
use domain::lane::{Lane, Lanes};
use domain::money::{Amount, Currency, OverdraftLimit};
use domain::outcome::Outcome;
use domain::text::{Client, Reference};
use queue::BATCH_JOBS_MAX;
use runtime::clock;
use store::ledger::Ledger;

/// Accounts in the currency for testing, with room to draw.
pub(crate) struct Accounts {
    run: String,
    client: Client,
    numbers: Vec<AccountNumber>,
    /// The accounts of each lane.
    of_lane: Vec<(Lane, Vec<AccountNumber>)>,
    count: AtomicU64,
}

/// Which accounts transfers credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credits {
    /// Any.
    Any,
    /// Half of them the same one.
    HalfToOne,
}

impl Accounts {
    /// Opens `count` accounts, straight into the ledger.
    pub(crate) async fn open(
        ledger: &dyn Ledger,
        lanes: Lanes,
        run: &str,
        count: u32,
    ) -> anyhow::Result<Accounts> {
        let numbers: Vec<AccountNumber> =
            (0..count).map(|n| AccountNumber::parse(&format!("{run}-{n}"))).collect::<Result<_, _>>()?;
        let of_lane: Vec<(Lane, Vec<AccountNumber>)> = lanes
            .iter()
            .map(|lane| {
                let here = numbers.iter().filter(|number| lanes.of(number.as_str()) == lane);
                (lane, here.cloned().collect())
            })
            .filter(|(_, numbers): &(Lane, Vec<AccountNumber>)| !numbers.is_empty())
            .collect();
        let accounts = Accounts {
            run: run.to_owned(),
            client: Client::parse("bench")?,
            numbers,
            of_lane,
            count: AtomicU64::new(0),
        };
        for (lane, numbers) in &accounts.of_lane {
            let jobs: Vec<Job> = numbers.iter().map(|number| accounts.opening(*lane, number)).collect();
            for batch in jobs.chunks(BATCH_JOBS_MAX) {
                let outcomes = ledger.post(batch).await?;
                ensure!(
                    outcomes.iter().all(|outcome| *outcome == Outcome::Posted),
                    "not all accounts were opened"
                );
            }
        }
        Ok(accounts)
    }

    fn opening(&self, lane: Lane, number: &AccountNumber) -> Job {
        self.job(
            lane,
            Spec::of(Action::OpenAccount {
                account: number.clone(),
                currency: Currency::XTS,
                overdraft_limit: OverdraftLimit::new(Amount::MAX).unwrap_or_default(),
                holder: None,
            }),
        )
    }

    /// A full batch of transfers that draw on accounts of one lane: of one that is the `share`-th of every
    /// `shares`, since only one may post a lane at a time.
    pub(crate) fn batch(
        &self,
        share: usize,
        shares: usize,
        random: &mut fastrand::Rng,
    ) -> anyhow::Result<Vec<Job>> {
        let lanes: Vec<_> = self.of_lane.iter().skip(share).step_by(shares).collect();
        let (lane, from) = random.choice(lanes).context("there are more posters than lanes with accounts")?;
        let jobs = (0..BATCH_JOBS_MAX).map(|_| {
            let from = &from[random.usize(..from.len())];
            let to = self.other_than(from, random);
            let money = Money { amount: Amount::new(1)?, currency: Currency::XTS };
            let reference = Some(Reference::parse(self.reference())?);
            let action = Action::Transfer { from: from.clone(), to: to.clone(), money };
            Ok(self.job(*lane, Spec { reference, ..Spec::of(action) }))
        });
        jobs.collect()
    }

    fn job(&self, lane: Lane, spec: Spec) -> Job {
        let body = submission::canonical(&spec);
        let accepted_at = clock::now_us();
        let id = JobId::derived(&self.client, Identity::Key(&self.reference()));
        let fingerprint = Fingerprint::of(&body);
        Job {
            id,
            client: self.client.clone(),
            lane,
            ingress: self.run.clone(),
            accepted_at,
            fingerprint,
            body,
            spec,
            origin: None,
            former: Vec::new(),
            grant: None,
        }
    }

    /// A transfer between any two accounts, as a client writes it.
    pub(crate) fn transfer(&self, credits: Credits, random: &mut fastrand::Rng) -> String {
        let (from, to) = match (credits, self.numbers.first()) {
            (Credits::HalfToOne, Some(hot)) if random.bool() => (self.other_than(hot, random), hot),
            _ => {
                let from = self.any(random);
                (from, self.other_than(from, random))
            }
        };
        let reference = self.reference();
        format!(
            r#"{{"kind":"transfer","from":"{from}","to":"{to}","amount":1,"currency":"XTS","reference":"{reference}"}}"#
        )
    }

    pub(crate) fn any(&self, random: &mut fastrand::Rng) -> &AccountNumber {
        &self.numbers[random.usize(..self.numbers.len())]
    }

    fn other_than(&self, from: &AccountNumber, random: &mut fastrand::Rng) -> &AccountNumber {
        loop {
            let to = self.any(random);
            if to != from {
                return to;
            }
        }
    }

    fn reference(&self) -> String {
        format!("{}-{}", self.run, self.count.fetch_add(1, Relaxed))
    }
}
