use std::collections::{BTreeMap, HashMap};

use contract::submission;
use domain::fingerprint::Fingerprint;
use domain::id::JobId;
use domain::lane::Lane;
use domain::outcome::Outcome;
use domain::text::Client;
use store::ledger::Applied;

use super::*;

/// A transfer; its number stands where the time of its acceptance does.
fn transfer(number: u64, from: &str, to: &str) -> Job {
    let body = format!(r#"{{"kind":"transfer","from":"{from}","to":"{to}","amount":1,"currency":"EUR"}}"#);
    Job {
        id: JobId::from_chance(number, [0; 6]),
        client: Client::parse("c").unwrap(),
        lane: Lane(0),
        ingress: "i".to_owned(),
        accepted_at: i64::try_from(number).unwrap(),
        fingerprint: Fingerprint::of(&body),
        spec: submission::parse(body.as_bytes()).unwrap(),
        body,
        origin: None,
        former: Vec::new(),
        grant: None,
    }
}

fn numbers<'a>(jobs: impl IntoIterator<Item = &'a Job>) -> Vec<i64> {
    jobs.into_iter().map(|job| job.accepted_at).collect()
}

/// What was handed over, and how many jobs of it are finished.
fn answered(answer: &Answer) -> (Vec<i64>, usize) {
    let finished = answer.jobs.iter().filter(|(_, finished)| finished.is_some());
    (numbers(answer.jobs.iter().map(|(job, _)| job)), finished.count())
}

fn posted(jobs: &[Job]) -> Result<Vec<Posted>, StoreError> {
    let applied = Applied { outcome: Outcome::Posted, posted_at: 0, entries: Vec::new() };
    Ok(jobs.iter().map(|_| Ok(applied.clone())).collect())
}

impl Waiting {
    fn hand_over(&mut self, jobs: Vec<Job>) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        self.push(jobs, answer);
        answered
    }

    fn gather(&mut self, jobs_max: usize) -> Option<Gathered> {
        let selection = self.select(jobs_max)?;
        Some(self.take(selection))
    }
}

#[test]
fn transactions_in_flight_share_no_account_and_each_lane_keeps_its_order() {
    for seed in 0..100 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let (mut waiting, mut in_flight) = (Waiting::default(), Vec::<Gathered>::new());
        let mut lanes: BTreeMap<u8, oneshot::Receiver<Answer>> = BTreeMap::new();
        let mut number = 0;
        // For each account that is paid from, the last job that was posted.
        let mut latest: HashMap<String, i64> = HashMap::new();
        for _ in 0..400 {
            let lane = chance.u8(0..6);
            if let std::collections::btree_map::Entry::Vacant(free) = lanes.entry(lane) {
                let jobs = (0..chance.u64(1..8)).map(|_| {
                    number += 1;
                    let (from, to) = (chance.u8(0..4), chance.u8(0..40));
                    transfer(number, &format!("{lane}-{from}"), &format!("to-{to}"))
                });
                let jobs = jobs.collect();
                free.insert(waiting.hand_over(jobs));
            }
            if in_flight.len() < 4
                && let Some(gathered) = waiting.gather(10)
            {
                assert!(gathered.jobs.len() <= 10, "seed {seed}");
                in_flight.push(gathered);
            }
            let mut taken = HashSet::new();
            for gathered in &in_flight {
                let own: HashSet<_> = gathered.origin.accounts.iter().collect();
                assert!(own.into_iter().all(|account| taken.insert(account)), "seed {seed}: {taken:?}");
            }
            if !in_flight.is_empty() && chance.bool() {
                let Gathered { jobs, origin, .. } = in_flight.swap_remove(chance.usize(0..in_flight.len()));
                for job in &jobs {
                    let account = job.spec.action.account().to_string();
                    let before = latest.insert(account, job.accepted_at);
                    assert!(
                        before < Some(job.accepted_at),
                        "seed {seed}: {} after {before:?}",
                        job.accepted_at
                    );
                }
                let posted = posted(&jobs);
                waiting.ended(origin, jobs, posted, false);
            }
            lanes.retain(|_, answered| match answered.try_recv() {
                Ok(answer) => {
                    let (handed_over, finished) = super::tests::answered(&answer);
                    assert!(handed_over.is_sorted(), "seed {seed}: {handed_over:?}");
                    assert_eq!(finished, handed_over.len(), "seed {seed}");
                    false
                }
                Err(oneshot::error::TryRecvError::Empty) => true,
                Err(oneshot::error::TryRecvError::Closed) => panic!("seed {seed}: no answer"),
            });
        }
        assert!(latest.len() > 20, "seed {seed}: {latest:?}");
    }
}

#[test]
fn a_job_that_stays_keeps_back_those_behind_it_that_share_an_account() {
    let mut waiting = Waiting::default();
    let _first = waiting.hand_over(vec![transfer(1, "a", "b")]);
    let first = waiting.gather(100).unwrap();
    let mut second = waiting.hand_over(vec![
        transfer(2, "c", "b"),
        transfer(3, "c", "d"),
        transfer(4, "d", "e"),
        transfer(5, "f", "g"),
    ]);
    let beside = waiting.gather(100).unwrap();
    assert_eq!(numbers(&beside.jobs), [5]);
    let posted_first = posted(&first.jobs);
    waiting.ended(first.origin, first.jobs, posted_first, false);
    assert!(waiting.gather(100).is_none(), "the lane has jobs in flight");
    let posted_beside = posted(&beside.jobs);
    waiting.ended(beside.origin, beside.jobs, posted_beside, false);
    assert!(second.try_recv().is_err(), "three of its jobs have no outcome");
    let rest = waiting.gather(100).unwrap();
    assert_eq!(numbers(&rest.jobs), [2, 3, 4]);
    let posted_rest = posted(&rest.jobs);
    waiting.ended(rest.origin, rest.jobs, posted_rest, true);
    let answer = second.try_recv().unwrap();
    assert_eq!(answered(&answer), (vec![2, 3, 4, 5], 4));
    assert!(answer.was_late && answer.failure.is_none());
}

#[test]
fn deposits_do_not_wait_for_each_other() {
    let deposit = |number, account: &str| {
        let body = format!(r#"{{"kind":"deposit","account":"{account}","amount":1,"currency":"EUR"}}"#);
        let spec = submission::parse(body.as_bytes()).unwrap();
        Job { spec, body, ..transfer(number, "a", "b") }
    };
    let mut waiting = Waiting::default();
    let _first = waiting.hand_over(vec![transfer(1, "a", "b")]);
    let _in_flight = waiting.gather(100).unwrap();
    let _second = waiting.hand_over(vec![deposit(2, "b"), deposit(3, "c"), deposit(4, "d")]);
    assert_eq!(numbers(&waiting.gather(100).unwrap().jobs), [3, 4]);
}

#[test]
fn what_waits_behind_a_failure_is_not_posted_before_it_is_tried_again() {
    let mut waiting = Waiting::default();
    let _other = waiting.hand_over(vec![transfer(1, "a", "b")]);
    let other = waiting.gather(100).unwrap();
    let jobs = vec![transfer(2, "e", "f"), transfer(3, "b", "c"), transfer(4, "c", "d")];
    let mut lane = waiting.hand_over(jobs);
    let beside = waiting.gather(100).unwrap();
    assert_eq!(numbers(&beside.jobs), [2]);
    let posted_beside = posted(&beside.jobs);
    waiting.ended(beside.origin, beside.jobs, posted_beside, false);
    let posted_other = posted(&other.jobs);
    waiting.ended(other.origin, other.jobs, posted_other, false);
    let failing = waiting.gather(1).unwrap();
    assert_eq!(numbers(&failing.jobs), [3]);
    waiting.ended(failing.origin, failing.jobs, Err(StoreError::Transient("away".to_owned())), false);
    assert!(waiting.gather(100).is_none(), "the fourth goes with the third, when its lane tries again");
    let answer = lane.try_recv().unwrap();
    assert_eq!(answered(&answer), (vec![2, 3, 4], 1), "what is finished stays so");
    assert!(answer.failure.is_some());
}

#[test]
fn a_batch_with_an_id_twice_stays_together() {
    let mut waiting = Waiting::default();
    let _other = waiting.hand_over(vec![transfer(1, "a", "b")]);
    let other = waiting.gather(100).unwrap();
    let again = Job { accepted_at: 3, ..transfer(2, "c", "d") };
    let _twice = waiting.hand_over(vec![transfer(2, "c", "b"), again]);
    assert!(waiting.gather(100).is_none());
    let posted_other = posted(&other.jobs);
    waiting.ended(other.origin, other.jobs, posted_other, false);
    assert_eq!(numbers(&waiting.gather(1).unwrap().jobs), [2, 3]);
}

#[test]
fn a_job_of_many_accounts_gets_its_turn_while_others_take_them_without_end() {
    let leg = |account: usize, amount: i64| format!(r#"{{"account":"m{account}","amount":{amount}}}"#);
    let legs: Vec<_> = (0..20).map(|account| leg(account, if account < 10 { -1 } else { 1 })).collect();
    let body = format!(r#"{{"kind":"journal","currency":"EUR","legs":[{}]}}"#, legs.join(","));
    let spec = submission::parse(body.as_bytes()).unwrap();
    let journal = Job { spec, body, ..transfer(1, "a", "b") };
    let (mut waiting, mut in_flight, mut number) = (Waiting::default(), VecDeque::new(), 1);
    let mut others = |waiting: &mut Waiting, in_flight: &mut VecDeque<Gathered>| {
        number += 1;
        let account = 2 * number % 20;
        let lane =
            waiting.hand_over(vec![transfer(number, &format!("m{account}"), &format!("m{}", account + 1))]);
        in_flight.extend(waiting.gather(1));
        lane
    };
    let mut lanes: Vec<_> = (0..3).map(|_| others(&mut waiting, &mut in_flight)).collect();
    let mut lane = waiting.hand_over(vec![journal]);
    for _ in 0..100 {
        lanes.push(others(&mut waiting, &mut in_flight));
        let Some(Gathered { jobs, origin, .. }) = in_flight.pop_front() else { break };
        let posted = posted(&jobs);
        // What comes next is there before the accounts are free.
        lanes.push(others(&mut waiting, &mut in_flight));
        waiting.ended(origin, jobs, posted, false);
        in_flight.extend(waiting.gather(1));
        if lane.try_recv().is_ok() {
            return;
        }
    }
    panic!("the journal never had its turn");
}

/// What goes to one account that all want goes together when it is free, however long it waited.
#[test]
fn jobs_that_wait_for_one_account_share_the_transaction_that_gets_it() {
    let mut waiting = Waiting::default();
    let _first = waiting.hand_over(vec![transfer(0, "x", "hot")]);
    let holder = waiting.gather(100).unwrap();
    let _others: Vec<_> =
        (1..=5).map(|n| waiting.hand_over(vec![transfer(n, &format!("a{n}"), "hot")])).collect();
    // Others overtake them, more often than makes one reserve what it needs.
    let mut answers = Vec::new();
    for n in 10..30 {
        answers.push(waiting.hand_over(vec![transfer(n, &format!("b{n}"), "cold")]));
        let Gathered { jobs, origin, .. } = waiting.gather(100).unwrap();
        let outcomes = posted(&jobs);
        waiting.ended(origin, jobs, outcomes, false);
    }
    let outcomes = posted(&holder.jobs);
    waiting.ended(holder.origin, holder.jobs, outcomes, false);
    assert_eq!(numbers(&waiting.gather(100).unwrap().jobs), [1, 2, 3, 4, 5]);
}

#[test]
fn a_reversal_that_stays_keeps_back_all_behind_it() {
    let original = JobId::from_chance(9, [1; 6]);
    let body = format!(r#"{{"kind":"reversal","account":"b","job":"{original}"}}"#);
    let spec = submission::parse(body.as_bytes()).unwrap();
    let mut waiting = Waiting::default();
    let _first = waiting.hand_over(vec![transfer(1, "a", "b")]);
    let _in_flight = waiting.gather(100).unwrap();
    let _second = waiting.hand_over(vec![
        transfer(2, "c", "d"),
        Job { spec, body, ..transfer(3, "a", "b") },
        transfer(4, "e", "f"),
    ]);
    assert_eq!(numbers(&waiting.gather(100).unwrap().jobs), [2]);
}

#[test]
fn a_lane_that_is_given_up_leaves_nothing_to_post() {
    let mut waiting = Waiting::default();
    drop(waiting.hand_over(vec![transfer(1, "a", "b")]));
    assert!(waiting.gather(100).is_none());
}

#[test]
fn a_transaction_that_breaks_off_leaves_its_lanes_without_an_answer_and_its_accounts_free() {
    let mut waiting = Waiting::default();
    let mut answered = waiting.hand_over(vec![transfer(1, "a", "b")]);
    let gathered = waiting.gather(100).unwrap();
    waiting.broke_off(&gathered.origin);
    assert!(matches!(answered.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
    let _again = waiting.hand_over(vec![transfer(1, "a", "b")]);
    assert!(waiting.gather(100).is_some());
}
