//! Group commit for a database with one writer: while one transaction is written, the batches that come
//! wait, and are then posted together in the next.
//!
//! Batches of a hundred touch the same pages over and over: written together, each page goes to the log
//! once, and the disk is waited for once.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use domain::job::Job;
use tokio::sync::{Mutex as Turn, oneshot};

use crate::error::StoreError;
use crate::ledger::Applied;

/// Jobs posted together at the most: four full batches. More gain little, and a fault in one costs the
/// posting of each alone.
const JOBS_MAX: usize = 400;

type Posted = Result<Vec<Applied>, StoreError>;

/// Who posts a batch in one transaction.
pub(crate) trait PostsAtOnce: Sync {
    /// As [`Posting::apply`](crate::ledger::Posting::apply).
    fn post_at_once(&self, jobs: &[Job]) -> impl Future<Output = Posted> + Send;
}

/// Batches that wait for the writer.
#[derive(Debug, Clone, Default)]
pub(crate) struct GroupCommit(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<VecDeque<Waiting>>,
    /// Whoever has it posts for all.
    turn: Turn<()>,
}

#[derive(Debug)]
struct Waiting {
    jobs: Vec<Job>,
    answer: oneshot::Sender<Posted>,
}

impl GroupCommit {
    /// Posts `jobs` to `ledger`, in one transaction with those that wait. Each batch gets an answer of its own;
    /// where they cannot be posted together, each is posted alone.
    ///
    /// # Errors
    /// As those of `ledger`.
    pub async fn post(&self, jobs: &[Job], ledger: &impl PostsAtOnce) -> Posted {
        let (answer, mut answered) = oneshot::channel();
        self.waiting().push_back(Waiting { jobs: jobs.to_vec(), answer });
        let _turn = tokio::select! {
            biased;
            answer = &mut answered => return answer.unwrap_or_else(|_| Err(broke_off())),
            turn = self.0.turn.lock() => turn,
        };
        loop {
            match answered.try_recv() {
                Ok(answer) => return answer,
                Err(oneshot::error::TryRecvError::Closed) => return Err(broke_off()),
                // It still waits, behind others perhaps.
                Err(oneshot::error::TryRecvError::Empty) => post_together(self.next(), ledger).await,
            }
        }
    }

    /// The batches at the head of the line that go together, at least one.
    fn next(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting();
        let (mut count, mut jobs) = (0, 0);
        for batch in waiting.iter() {
            jobs += batch.jobs.len();
            if count > 0 && jobs > JOBS_MAX {
                break;
            }
            count += 1;
        }
        waiting.drain(..count).collect()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiting>> {
        // Nothing in here can break off half-way.
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn broke_off() -> StoreError {
    StoreError::Transient("the posting broke off; whether it was written is not known".to_owned())
}

async fn post_together(batches: Vec<Waiting>, ledger: &impl PostsAtOnce) {
    if batches.len() > 1 {
        let jobs: Vec<Job> = batches.iter().flat_map(|batch| &batch.jobs).cloned().collect();
        match ledger.post_at_once(&jobs).await {
            Ok(applied) => {
                let mut applied = applied.into_iter();
                for Waiting { jobs, answer } in batches {
                    // Who has gone away meanwhile asks again, and finds duplicates.
                    drop(answer.send(Ok(applied.by_ref().take(jobs.len()).collect())));
                }
                return;
            }
            // One of them is in the way; the others must not pay for it.
            Err(error) if error.may_concern_a_part() => {}
            Err(error) => {
                for Waiting { answer, .. } in batches {
                    drop(answer.send(Err(error.clone())));
                }
                return;
            }
        }
    }
    for Waiting { jobs, answer } in batches {
        drop(answer.send(ledger.post_at_once(&jobs).await));
    }
}

#[cfg(test)]
mod tests {
    use domain::account::AccountNumber;
    use domain::fingerprint::Fingerprint;
    use domain::id::JobId;
    use domain::job::{Action, Spec};
    use domain::lane::Lane;
    use domain::outcome::{Outcome, Rejection};
    use domain::text::Client;
    use futures::future::join_all;
    use jiff::Timestamp;

    use super::*;

    /// Says of each job what its account's number says, a moment later.
    #[derive(Default)]
    struct Oracle {
        sizes: Mutex<Vec<usize>>,
        silent: bool,
    }

    impl PostsAtOnce for Oracle {
        async fn post_at_once(&self, jobs: &[Job]) -> Posted {
            self.sizes.lock().unwrap().push(jobs.len());
            tokio::task::yield_now().await;
            if self.silent {
                std::future::pending::<()>().await;
            }
            outcomes(jobs)
        }
    }

    fn outcomes(jobs: &[Job]) -> Posted {
        let outcome = |job: &Job| match job.spec.action.account().as_str() {
            "rejected" => Ok(Outcome::Rejected(Rejection::AccountNotFound)),
            "fault" => Err(StoreError::Permanent("at fault".to_owned())),
            _ => Ok(Outcome::Posted),
        };
        let applied = |outcome| Applied { outcome, posted_at: 0, entries: Vec::new() };
        jobs.iter().map(|job| outcome(job).map(applied)).collect()
    }

    fn batch(account: &str, jobs: u64) -> Vec<Job> {
        let account = AccountNumber::parse(account).unwrap();
        let job = |number: u64| Job {
            id: JobId::from_chance(number, [0; 6]),
            client: Client::parse("tests").unwrap(),
            lane: Lane(0),
            ingress: "api-1".to_owned(),
            accepted_at: Timestamp::UNIX_EPOCH.as_microsecond(),
            fingerprint: Fingerprint::of("{}"),
            origin: None,
            former: Vec::new(),
            grant: None,
            body: "{}".to_owned(),
            spec: Spec::of(Action::FreezeAccount { account: account.clone() }),
        };
        (0..jobs).map(job).collect()
    }

    #[tokio::test]
    async fn those_who_wait_are_posted_together_and_each_gets_its_own_answer() {
        let (group_commit, oracle) = (GroupCommit::default(), Oracle::default());
        let batches =
            [batch("a", 100), batch("rejected", 150), batch("b", 150), batch("c", 100), batch("d", 401)];
        let posted = join_all(batches.iter().map(|jobs| group_commit.post(jobs, &oracle))).await;
        for (batch, posted) in batches.iter().zip(posted) {
            assert_eq!(posted.unwrap(), outcomes(batch).unwrap());
        }
        assert_eq!(*oracle.sizes.lock().unwrap(), [100, 400, 401], "who comes first waits for nobody");
    }

    #[tokio::test]
    async fn one_at_fault_harms_no_other() {
        let (group_commit, oracle) = (GroupCommit::default(), Oracle::default());
        let batches = [batch("a", 1), batch("fault", 1), batch("b", 1)];
        let posted = join_all(batches.iter().map(|jobs| group_commit.post(jobs, &oracle))).await;
        assert_eq!(posted.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    }

    #[tokio::test]
    async fn one_who_goes_away_in_the_midst_of_things_holds_up_nobody() {
        let (group_commit, jobs) = (GroupCommit::default(), batch("a", 1));
        let silent = Oracle { silent: true, ..Oracle::default() };
        let mut leaves = Box::pin(group_commit.post(&jobs, &silent));
        assert!(futures::poll!(&mut leaves).is_pending());
        drop(leaves);
        let posted = group_commit.post(&jobs, &Oracle::default()).await;
        assert_eq!(posted.unwrap(), outcomes(&jobs).unwrap());
    }
}
