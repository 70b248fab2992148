//! What to change, each with its evidence and what it will bring.

use fleet::settings::table;
use serde_json::json;

use crate::facts::Facts;
use crate::scaling::bottleneck::{awaited, more_workers_help};
use crate::views::health::WorkersWanted;
use crate::views::optimize::{Bottleneck, BottleneckName, Recommendation, RecommendationKind};
use crate::words::counted;

/// The linger at which fuller batches are bought with a delay that nobody feels.
const LINGER_MS_MAX: f64 = 100.0;
/// The most batches that one worker should post at once: beyond it they only wait for each other's rows.
const POSTING_CONCURRENCY_MAX: f64 = 16.0;

/// What to change, the most effective first; empty: nothing.
pub(crate) fn advise(facts: &Facts, bottleneck: &Bottleneck, wanted: &WorkersWanted) -> Vec<Recommendation> {
    let mut advice = Vec::new();
    advice.extend(workers(facts, bottleneck, wanted));
    match bottleneck.name {
        BottleneckName::PostingTurns => advice.extend(more_turns(facts, bottleneck)),
        BottleneckName::LockWaits => advice.extend(fewer_turns(facts, bottleneck)),
        BottleneckName::BatchFill | BottleneckName::Commit => {
            advice.extend(full_size(facts, bottleneck));
            advice.extend(more_linger(facts, bottleneck));
        }
        // Commits are much of what the CPU is busy with.
        BottleneckName::Cpu => advice.extend(full_size(facts, bottleneck)),
        _ => {}
    }
    advice.extend(match bottleneck.name {
        BottleneckName::PoolWait => awaited(facts).map(|pool| larger_pool(bottleneck, &pool.name)),
        _ => other(bottleneck),
    });
    advice
}

fn workers(facts: &Facts, bottleneck: &Bottleneck, wanted: &WorkersWanted) -> Option<Recommendation> {
    let workers = wanted.workers.filter(|workers| *workers != wanted.now)?;
    let (action, expected_effect) = if workers > wanted.now {
        let action = format!(
            "run {} in place of {}; see docs/SCALING.md",
            counted(workers.into(), "worker"),
            wanted.now
        );
        let effect = if wanted.now == 0 {
            "jobs are posted at all"
        } else if more_workers_help(bottleneck) {
            "throughput grows roughly in proportion"
        } else {
            "each is less busy: there is room for peaks, and for one that dies"
        };
        (action, effect.to_owned())
    } else if wanted.now > facts.lane_count() {
        let spare = wanted.now - facts.lane_count();
        let spare = counted(spare.into(), "worker");
        (format!("stop {spare}: a lane has one worker"), format!("nothing changes but what {spare} cost"))
    } else {
        let action =
            format!("{} would do; stop the others if their cost matters", counted(workers.into(), "worker"));
        (action, "less cost, the same throughput; fewer are left when one dies".to_owned())
    };
    Some(Recommendation {
        kind: RecommendationKind::Workers,
        subject: "workers".to_owned(),
        current: Some(json!(wanted.now)),
        recommended: Some(json!(workers)),
        applies_while_running: false,
        action,
        reason: wanted.reason.clone(),
        expected_effect,
        evidence: bottleneck.evidence.clone(),
    })
}

/// A setting that can be changed while running; `None`: it has that value already.
fn setting(
    facts: &Facts,
    bottleneck: &Bottleneck,
    setting: &table::Setting,
    recommended: f64,
    expected_effect: &str,
) -> Option<Recommendation> {
    let name = setting.name;
    let current = facts.number(name)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // Whole numbers within the setting's bounds.
    let (recommended, now) = (recommended.round().max(0.0) as u64, current.round() as u64);
    if recommended == now {
        return None;
    }
    let verb = if recommended > now { "raise" } else { "lower" };
    Some(Recommendation {
        kind: RecommendationKind::Setting,
        subject: name.to_owned(),
        current: Some(json!(now)),
        recommended: Some(json!(recommended)),
        applies_while_running: true,
        action: format!("{verb} {name} from {now} to {recommended}"),
        reason: bottleneck.sentence.clone(),
        expected_effect: expected_effect.to_owned(),
        evidence: bottleneck.evidence.clone(),
    })
}

fn more_turns(facts: &Facts, bottleneck: &Bottleneck) -> Option<Recommendation> {
    let most = POSTING_CONCURRENCY_MAX.min(f64::from(facts.lane_count()));
    let turns = facts.number(table::POSTING_CONCURRENCY.name)?;
    let recommended = (turns * 2.0).min(most).max(turns);
    let effect = "batches of different lanes post at the same time instead of one after the other";
    setting(facts, bottleneck, &table::POSTING_CONCURRENCY, recommended, effect)
}

fn fewer_turns(facts: &Facts, bottleneck: &Bottleneck) -> Option<Recommendation> {
    let turns = facts.number(table::POSTING_CONCURRENCY.name)?;
    let effect =
        "fewer batches meet at the same rows, so fewer wait and are tried again; they grow fuller instead";
    setting(facts, bottleneck, &table::POSTING_CONCURRENCY, (turns / 2.0).ceil().max(1.0), effect)
}

fn full_size(facts: &Facts, bottleneck: &Bottleneck) -> Option<Recommendation> {
    let effect = "fewer commits for the same jobs: a commit costs about the same whatever it carries";
    setting(facts, bottleneck, &table::BATCH_PROCESSING_SIZE, 100.0, effect)
}

fn more_linger(facts: &Facts, bottleneck: &Bottleneck) -> Option<Recommendation> {
    let fill = facts.last_10_s.batch_jobs?.avg_jobs;
    let most = facts.number(table::BATCH_PROCESSING_SIZE.name)?;
    if fill > 0.8 * most {
        return None;
    }
    let linger = facts.number(table::LINGER_MS.name)?;
    let recommended = (linger.max(10.0) * 2.0).min(LINGER_MS_MAX).max(linger);
    let effect = "fuller batches of busy lanes, at the cost of as many milliseconds for their jobs";
    setting(facts, bottleneck, &table::LINGER_MS, recommended, effect)
}

/// The pool's own setting, which counts from the next start on.
fn larger_pool(bottleneck: &Bottleneck, pool: &str) -> Recommendation {
    let and = "see that the server's max_connections allow it";
    let (subject, action) = match pool {
        "primary" => (
            "DB_POOL_SIZE",
            format!("raise DB_POOL_SIZE and start the workers again, or lower POSTING_CONCURRENCY; {and}"),
        ),
        "reads" => (
            "DB_READONLY_POOL_SIZE",
            format!("raise DB_READONLY_POOL_SIZE and start the ingresses again; {and}"),
        ),
        "analytics" => (
            "DB_ANALYTICS_POOL_SIZE",
            format!("raise DB_ANALYTICS_POOL_SIZE and start the workers again; {and}"),
        ),
        // Of a fixed size, as the embedded ones are: each is held for too long.
        _ => (
            "database",
            format!("see why statements of pool {pool} take so long: docs/runbooks/pool_exhausted.md"),
        ),
    };
    recommendation(bottleneck, subject, &action, "no task waits for a connection")
}

/// What no setting of the fleet cures.
fn other(bottleneck: &Bottleneck) -> Option<Recommendation> {
    let (subject, action, expected_effect) = match bottleneck.name {
        BottleneckName::HotLane => (
            "accounts",
            "spread what these accounts do over several accounts, or let their jobs be larger (a journal of many legs is one job)",
            "the lane's jobs are shared by several lanes and workers; more workers alone change nothing",
        ),
        BottleneckName::Commit => (
            "database",
            "give the database a faster disk or a larger page cache; see docs/SCALING.md",
            "shorter commits; more workers would only wait at the same place",
        ),
        BottleneckName::PublishConfirm => (
            "broker",
            "give the broker a faster disk or more processors, or send more jobs in a request (POST /api/jobs/batch)",
            "shorter waits for clients",
        ),
        BottleneckName::Cpu => (
            "machine",
            "move a role to another machine, or give this one more processors",
            "all roles on it become faster",
        ),
        BottleneckName::LedgerAway => {
            ("ledger", "see docs/runbooks/ledger_away.md", "posting goes on by itself once it answers")
        }
        BottleneckName::QueueAway => {
            ("queue", "see docs/runbooks/queue_away.md", "everything goes on by itself once it answers")
        }
        _ => return None,
    };
    Some(recommendation(bottleneck, subject, action, expected_effect))
}

/// One that somebody has to see to.
fn recommendation(
    bottleneck: &Bottleneck,
    subject: &str,
    action: &str,
    expected_effect: &str,
) -> Recommendation {
    Recommendation {
        kind: RecommendationKind::Other,
        subject: subject.to_owned(),
        current: None,
        recommended: None,
        applies_while_running: false,
        action: action.to_owned(),
        reason: bottleneck.sentence.clone(),
        expected_effect: expected_effect.to_owned(),
        evidence: bottleneck.evidence.clone(),
    }
}

#[cfg(test)]
mod tests {
    use fleet::settings::Settings;

    use super::*;
    use crate::scaling::bottleneck::{find, tests::under_pressure};
    use crate::scaling::wanted::wanted;
    use crate::views::metrics::BatchJobs;
    use crate::views::replica::PoolView;

    fn advice(change: impl FnOnce(&mut Facts)) -> Vec<Recommendation> {
        let mut facts = under_pressure();
        let told = Settings::default().with(
            [&table::POSTING_CONCURRENCY, &table::BATCH_PROCESSING_SIZE, &table::LINGER_MS]
                .map(|setting| (setting, setting.default_value())),
            contract::report::SettingSource::Default,
        );
        facts.in_force = told.report(contract::report::Role::Worker);
        change(&mut facts);
        let bottleneck = find(&facts);
        let wanted = wanted(&facts, &bottleneck);
        advise(&facts, &bottleneck, &wanted)
    }

    #[test]
    fn too_few_workers_are_reported_with_their_number() {
        let advice = advice(|_| {});
        assert_eq!((advice.len(), &advice[0].recommended), (1, &Some(json!(5))), "{advice:?}");
    }

    #[test]
    fn what_more_workers_bring_is_said_as_it_is() {
        let effect = |change: fn(&mut Facts)| advice(change)[0].expected_effect.clone();
        assert_eq!(effect(|_| {}), "throughput grows roughly in proportion");
        assert_eq!(effect(|facts| facts.replicas.clear()), "jobs are posted at all");
        let busy_without_a_backlog = effect(|facts| {
            (facts.queue.depth_jobs, facts.queue.lag_seconds) = (Some(0), Some(0.0));
        });
        assert!(busy_without_a_backlog.starts_with("each is less busy"), "{busy_without_a_backlog}");
    }

    #[test]
    fn each_pool_has_its_own_advice() {
        for (name, subject) in [
            ("primary", "DB_POOL_SIZE"),
            ("reads", "DB_READONLY_POOL_SIZE"),
            ("analytics", "DB_ANALYTICS_POOL_SIZE"),
            ("records", "database"),
        ] {
            let advice = advice(|facts| {
                let full = PoolView {
                    name: name.to_owned(),
                    size_max: 2,
                    in_use: 2,
                    waiting: 1,
                    ..PoolView::default()
                };
                facts.pools = vec![full];
            });
            assert!(advice.iter().any(|one| one.subject == subject), "{name}: {advice:?}");
        }
    }

    #[test]
    fn small_batches_get_more_linger_within_its_bounds() {
        let small = BatchJobs { batches: 100, avg_jobs: 9.0, p50_jobs: 9, max_jobs: 10 };
        let advice = advice(|facts| facts.last_10_s.batch_jobs = Some(small));
        let linger = advice.iter().find(|one| one.subject == "LINGER_MS").unwrap();
        assert_eq!(linger.action, "raise LINGER_MS from 20 to 40");
        assert!(advice.iter().all(|one| one.kind != RecommendationKind::Workers), "{advice:?}");
    }

    #[test]
    fn every_setting_that_is_advised_is_one_that_would_be_taken() {
        let small = BatchJobs { batches: 100, avg_jobs: 9.0, p50_jobs: 9, max_jobs: 10 };
        let all = [
            advice(|facts| facts.last_10_s.batch_jobs = Some(small)),
            advice(|facts| facts.last_10_s.processing.lock_and_read = facts.last_10_s.processing.posting),
            advice(|facts| {
                facts.last_10_s.processing.posting_turn =
                    facts.last_10_s.processing.posting.map(|mut times| {
                        times.avg_seconds *= 5.0;
                        times
                    });
            }),
        ];
        let settings: Vec<_> =
            all.iter().flatten().filter(|one| one.kind == RecommendationKind::Setting).collect();
        assert_eq!(settings.len(), 3, "{all:?}");
        for one in settings {
            let setting = table::find(&one.subject).unwrap();
            assert!(setting.read_json(one.recommended.as_ref().unwrap()).is_some(), "{one:?}");
        }
    }
}
