//! What is wrong, a sentence each, and the verdict in one.

use std::collections::BTreeMap;

use shared::contract::report::Role;

use crate::facts::{BusState, Facts};
use crate::views::alerts::AlertView;
use crate::views::replica::{ReplicaState, ReplicaView};
use crate::words::{counted, lanes, time};

/// A lost replica whose work others have taken over is no problem any more after so long.
pub(crate) const LOST_IS_NEWS_SECONDS: f64 = 60.0;
/// Jobs wait and none is posted: beyond a hand-over or a restart of a server that is something to look at.
pub(crate) const STANDSTILL_SECONDS: f64 = 4.0;
/// Jobs that wait for longer than this are worth a word.
const LAG_WORTH_A_WORD_SECONDS: f64 = 1.0;

/// What is wrong, the gravest first; empty: nothing is.
pub(crate) fn problems(facts: &Facts) -> Vec<String> {
    let mut problems: Vec<String> = Vec::new();
    if facts.ledger.as_ref().is_some_and(|ledger| !ledger.balanced) {
        problems.push("the books do not balance; run `tellers verify`".to_owned());
    }
    problems.extend(facts.ledger_trouble.as_ref().map(|why| format!("the ledger can not be read: {why}")));
    problems.extend(facts.queue_trouble.as_ref().map(|why| format!("the queue can not be read: {why}")));
    if let Some(policies) = facts.policies.as_ref().filter(|policies| !policies.harmful().is_empty()) {
        let sentence = policies.sentence();
        problems.push(format!("the broker may lose jobs: {sentence}; see docs/runbooks/queue_policy.md"));
    }
    if let Some(missing @ 1..) = facts.conservation.missing_jobs {
        problems.push(format!(
            "{} of {} had been accepted and can not be found; see docs/runbooks/jobs_missing.md",
            counted(missing, "job"),
            lanes(&facts.conservation.missing_lanes.iter().map(|missing| missing.lane).collect::<Vec<_>>())
        ));
    }
    if facts.still_seconds > STANDSTILL_SECONDS {
        problems.push(format!("jobs wait, and none was posted for {}", time(facts.still_seconds)));
    }
    match facts.bus {
        BusState::Up => of_replicas(facts, &mut problems),
        BusState::Young => {}
        BusState::Away => problems.push("the fleet bus is away: nothing is heard of the replicas".to_owned()),
    }
    if let Some(letters) = facts.dead_letters.filter(|letters| *letters > 0) {
        let letters = counted(letters, "dead letter");
        problems.push(format!("{letters} to look at; see `tellers dead-letters list`"));
    }
    problems
}

fn of_replicas(facts: &Facts, problems: &mut Vec<String>) {
    if facts.live(Role::Worker).next().is_none() {
        problems.push("no worker is running; start one with `tellers worker`".to_owned());
    } else {
        of_lanes(facts, problems);
    }
    if facts.live(Role::Api).next().is_none() && facts.lost().any(|replica| replica.role == Role::Api) {
        problems.push("no ingress is running; start one with `tellers api`".to_owned());
    }
    problems.extend(facts.lost().filter_map(|replica| of_the_lost(facts, replica)));
    problems.extend(troubles(facts));
}

fn of_lanes(facts: &Facts, problems: &mut Vec<String>) {
    let unheld = facts.unheld();
    if !unheld.is_empty() {
        problems.push(format!("no worker serves {}", lanes(&unheld)));
    }
    let unconsumed = facts.unconsumed();
    if !unconsumed.is_empty() {
        problems
            .push(format!("{} has no consumer at the queue, though a worker holds it", lanes(&unconsumed)));
    }
}

/// `None`: others have taken over what it did, and it is no news any more.
fn of_the_lost(facts: &Facts, replica: &ReplicaView) -> Option<String> {
    let name = &replica.replica;
    let ago = time(replica.silent_seconds);
    let orphaned = facts.orphaned(name);
    if !orphaned.is_empty() {
        return Some(format!(
            "{name} was lost {ago} ago and nobody serves its {}; start it again",
            lanes(&orphaned)
        ));
    }
    if replica.silent_seconds > LOST_IS_NEWS_SECONDS {
        return None;
    }
    Some(match replica.role {
        Role::Worker => format!("{name} was lost {ago} ago; its lanes are served again"),
        Role::Api | Role::Monitor => format!("{name} was lost {ago} ago; start it again"),
    })
}

/// What troubles live replicas, once for all that say the same: a server that is away is one problem.
fn troubles(facts: &Facts) -> Vec<String> {
    let mut by_trouble: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for replica in facts.replicas.iter().filter(|replica| replica.state == ReplicaState::Live) {
        if let Some(trouble) = &replica.trouble {
            by_trouble.entry(trouble).or_default().push(&replica.replica);
        }
    }
    by_trouble
        .into_iter()
        .map(|(trouble, who)| match who.as_slice() {
            // The broker takes no messages, but hands them out: workers go on with what waits.
            [_, ..] if trouble.contains("short of memory or disk") => {
                format!("the broker raised an alarm: {trouble}; jobs that wait are still posted")
            }
            [one] => format!("{one} can not work: {trouble}"),
            all => format!("{} replicas can not work: {trouble}", all.len()),
        })
        .collect()
}

/// Alerts that no problem above tells of: about what is promised on weak ground, and how much the fleet has to bear. How
/// long jobs wait is told with the flow.
const STRAINS: [&str; 8] = [
    "weak_durability",
    "clock_skew",
    "response_time",
    "error_rate",
    "pool_exhausted",
    "memory",
    "disk",
    "cpu",
];

/// What strains the fleet for so long that its alert fires, and where it stands what to do.
pub(crate) fn strains(firing: &[AlertView]) -> Vec<String> {
    let strains = STRAINS.iter().filter_map(|name| firing.iter().find(|alert| alert.alert == *name));
    strains.map(|alert| format!("{}; see {}", alert.sentence, alert.runbook)).collect()
}

/// How the fleet is, in a sentence.
pub(crate) fn verdict(facts: &Facts, problems: &[String]) -> String {
    let flow = flow(facts);
    match problems {
        [] if facts.bus == BusState::Young => {
            format!("starting: not every replica has been heard yet ({flow})")
        }
        [] if is_draining(facts) => format!("draining: {flow}"),
        [] => format!("well: {flow}"),
        [one] => format!("attention: {one} ({flow})"),
        [first, rest @ ..] => format!("attention: {first}, and {} more ({flow})", rest.len()),
    }
}

fn is_draining(facts: &Facts) -> bool {
    // Whatever the queue holds: workers may have all of it in hand.
    facts.queue.lag_seconds.is_some_and(|lag| lag > LAG_WORTH_A_WORD_SECONDS)
}

fn flow(facts: &Facts) -> String {
    let queue = &facts.queue;
    let pace = match facts.last_10_s.throughput.settled_jobs_per_second {
        Some(pace) if pace >= 0.5 => format!("{} a second", counted(rounded(pace), "job")),
        _ => "idle".to_owned(),
    };
    let what = match (queue.depth_messages, queue.depth_jobs) {
        (None, _) => return format!("depth unknown, {pace}"),
        (Some(0), _) if !is_draining(facts) => return format!("nothing waits, {pace}"),
        (Some(0), Some(jobs)) if jobs > 0 => {
            format!("nothing queued, {} in the workers' hands", counted(jobs, "job"))
        }
        (Some(0), _) => "nothing queued, jobs in the workers' hands".to_owned(),
        (Some(_), Some(jobs)) => counted(jobs, "job"),
        (Some(messages), None) => counted(messages, "message"),
    };
    let oldest = queue.lag_seconds.map(|lag| format!(", oldest {}", time(lag))).unwrap_or_default();
    let clear = match queue.clear_in_seconds {
        Some(seconds) => format!(", clear in about {}", time(seconds)),
        None if is_draining(facts) => ", not getting fewer".to_owned(),
        None => String::new(),
    };
    format!("{what}{oldest}{clear}")
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A rate in words: not negative, far below 2^53.
fn rounded(rate: f64) -> u64 {
    rate.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Alerts;
    use crate::facts::tests::{backlog, lost_worker, well};

    fn verdict_of(facts: &Facts) -> String {
        verdict(facts, &problems(facts))
    }

    #[test]
    fn a_fleet_at_rest_is_well() {
        assert_eq!(verdict_of(&well()), "well: nothing waits, idle");
    }

    #[test]
    fn a_backlog_is_told_with_its_end() {
        let mut facts = backlog(4_120, 38.0);
        facts.queue.clear_in_seconds = Some(55.0);
        assert_eq!(verdict_of(&facts), "draining: 4,120 jobs, oldest 38 s, clear in about 55 s");
    }

    #[test]
    fn jobs_that_the_workers_have_in_hand_are_not_nothing() {
        let mut facts = well();
        facts.queue.lag_seconds = Some(20.0);
        facts.queue.depth_jobs = Some(9_000);
        facts.queue.clear_in_seconds = Some(18.0);
        assert_eq!(
            verdict_of(&facts),
            "draining: nothing queued, 9,000 jobs in the workers' hands, oldest 20 s, clear in about 18 s"
        );
        facts.queue.lag_seconds = Some(0.02);
        assert_eq!(verdict_of(&facts), "well: nothing waits, idle", "what is on its way waits for nothing");
    }

    #[test]
    fn a_lost_worker_is_a_problem_until_its_lanes_are_served_and_news_for_a_minute() {
        let orphans = problems(&lost_worker(4.0, false)).join("; ");
        assert!(orphans.contains("nobody serves its lanes 0, 3, 6, 9, 12 and 15"), "{orphans}");
        let news = problems(&lost_worker(4.0, true));
        assert_eq!(news, ["worker-0 was lost 4.0 s ago; its lanes are served again"]);
        assert!(problems(&lost_worker(61.0, true)).is_empty());
        assert!(
            !problems(&lost_worker(600.0, false)).is_empty(),
            "lanes without a worker never become normal"
        );
    }

    #[test]
    fn a_lane_that_is_held_but_not_consumed_is_a_problem() {
        let mut facts = well();
        facts.lanes[7].consumers = Some(0);
        assert!(problems(&facts)[0].contains("lane 7 has no consumer"), "{:?}", problems(&facts));
    }

    #[test]
    fn a_fleet_under_an_alert_is_not_called_well() {
        let mut facts = well();
        facts.resources.disk_percent_max = Some(97.0);
        let mut alerts = Alerts::new();
        let firing = |alerts: &Alerts, facts: &Facts| strains(&Alerts::firing(&alerts.views(facts)));
        alerts.judge(&facts);
        assert_eq!(firing(&alerts, &facts), [""; 0], "one reading is no alert");
        facts.at += facts.thresholds.alert_for();
        alerts.judge(&facts);
        let strains = firing(&alerts, &facts);
        assert_eq!(strains, ["97 % of the disk is in use; see docs/runbooks/disk.md"]);
        assert_eq!(
            verdict(&facts, &strains),
            "attention: 97 % of the disk is in use; see docs/runbooks/disk.md (nothing waits, idle)"
        );
    }

    #[test]
    fn an_alarm_of_the_broker_is_named_once_and_stops_no_worker() {
        let mut facts = well();
        for replica in &mut facts.replicas {
            replica.trouble =
                Some("RabbitMQ at h:1 takes no messages: it is short of memory or disk".to_owned());
        }
        let problems = problems(&facts);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("the broker raised an alarm"), "{problems:?}");
    }

    #[test]
    fn silence_on_a_bus_that_is_away_says_nothing_of_the_replicas() {
        let facts = Facts { bus: BusState::Away, ..lost_worker(30.0, false) };
        assert_eq!(problems(&facts), ["the fleet bus is away: nothing is heard of the replicas"]);
    }
}
