//! What is wrong with the fleet, and how it is in a sentence.

use std::collections::BTreeMap;

use contract::report::{Role, TroubleKind};

use crate::facts::{BusState, Facts};
use crate::views::alerts::{AlertName, AlertView};
use crate::views::problems::ProblemKind::{
    self, AlertFiring, BrokerAlarm, BusAway, DeadLetters, JobsMissing, LanePaused, LaneWithoutWorker,
    LedgerAway, LedgerOutOfBalance, NoIngress, NoWorker, QueueAway, QueuePolicy, ReplicaInTrouble,
    ReplicaLost, Standstill,
};
use crate::views::problems::{FleetProblem, FleetState};
use crate::views::replica::{ReplicaState, ReplicaView};
use crate::views::status::LanePauseView;
use crate::words::{counted, lanes, time};

/// A lost replica whose work others have taken over is no problem any more after so long.
pub(crate) const LOST_IS_NEWS_SECONDS: f64 = 60.0;
/// Jobs that wait for longer than this are worth a word.
const LAG_WORTH_A_WORD_SECONDS: f64 = 1.0;

/// What is wrong, the gravest first; empty: nothing is.
pub(crate) fn problems(facts: &Facts) -> Vec<FleetProblem> {
    let mut problems = Vec::new();
    if facts.ledger.as_ref().is_some_and(|ledger| !ledger.balanced) {
        let problem = FleetProblem::new(LedgerOutOfBalance, "debits and credits in the ledger differ");
        problems.push(problem.remedy("run `tellers verify`").alert(AlertName::BooksOutOfBalance));
    }
    problems.extend(facts.ledger_trouble.as_ref().map(|why| {
        FleetProblem::new(LedgerAway, format!("the ledger cannot be read: {why}"))
            .alert(AlertName::LedgerAway)
    }));
    problems.extend(facts.queue_trouble.as_ref().map(|why| {
        FleetProblem::new(QueueAway, format!("the queue cannot be read: {why}")).alert(AlertName::QueueAway)
    }));
    if let Some(policies) = facts.policies.as_ref().filter(|policies| !policies.harmful().is_empty()) {
        let what = format!("the broker may lose jobs: {}", policies.sentence());
        problems.push(FleetProblem::new(QueuePolicy, what).alert(AlertName::QueuePolicy));
    }
    if let Some(missing @ 1..) = facts.reconciliation.missing_jobs {
        let of: Vec<_> = facts.reconciliation.missing_lanes.iter().map(|missing| missing.lane).collect();
        let what =
            format!("{} of {} had been accepted and cannot be found", counted(missing, "job"), lanes(&of));
        problems.push(FleetProblem::new(JobsMissing, what).alert(AlertName::JobsMissing));
    }
    let has_worker = facts.live(Role::Worker).next().is_some();
    if facts.bus == BusState::Up && !has_worker {
        let problem =
            FleetProblem::new(NoWorker, "no worker is running").remedy("start one with `tellers worker`");
        problems.push(problem.alert(AlertName::LaneWithoutConsumer));
    }
    // Behind what explains it.
    if let Some(what) = facts.standstill() {
        problems.push(FleetProblem::new(Standstill, what).alert(AlertName::Standstill));
    }
    match facts.bus {
        BusState::Up => {
            if has_worker {
                of_lanes(facts, &mut problems);
            }
            of_replicas(facts, &mut problems);
        }
        BusState::Young => {}
        BusState::Away => {
            problems.push(FleetProblem::new(BusAway, "the fleet bus is away: no replica can report"));
        }
    }
    problems.extend(paused(facts));
    if let Some(letters) = facts.dead_letters.filter(|letters| *letters > 0) {
        let what = format!("{} to look at", counted(letters, "dead letter"));
        let problem = FleetProblem::new(DeadLetters, what).remedy("see `tellers dead-letters list`");
        problems.push(problem.alert(AlertName::DeadLetters));
    }
    problems
}

/// The lanes that somebody has paused, and will forget.
fn paused(facts: &Facts) -> Option<FleetProblem> {
    let paused: Vec<_> =
        facts.lanes.iter().filter_map(|lane| Some((lane.lane, lane.paused.as_ref()?))).collect();
    let (first, pause) = paused.first()?;
    let numbers: Vec<_> = paused.iter().map(|(lane, _)| *lane).collect();
    let verb = if numbers.len() == 1 { "is" } else { "are" };
    let LanePauseView { by, reason, since } = pause;
    let what = format!("{} {verb} paused; lane {first} by {by} since {since:.0}: {reason}", lanes(&numbers));
    let remedy = format!("resume with DELETE /api/scalability/lanes/{first}/pause");
    Some(FleetProblem::new(LanePaused, what).remedy(remedy))
}

fn of_replicas(facts: &Facts, problems: &mut Vec<FleetProblem>) {
    if facts.live(Role::Api).next().is_none() && facts.lost().any(|replica| replica.role == Role::Api) {
        let problem =
            FleetProblem::new(NoIngress, "no ingress is running").remedy("start one with `tellers api`");
        problems.push(problem.alert(AlertName::ReplicaLost));
    }
    problems.extend(facts.lost().filter_map(|replica| of_the_lost(facts, replica)));
    problems.extend(troubles(facts));
}

fn of_lanes(facts: &Facts, problems: &mut Vec<FleetProblem>) {
    let unheld = facts.unheld();
    if !unheld.is_empty() {
        let problem = FleetProblem::new(LaneWithoutWorker, format!("no worker serves {}", lanes(&unheld)));
        problems.push(problem.alert(AlertName::LaneWithoutConsumer));
    }
    let unconsumed = facts.unconsumed();
    if !unconsumed.is_empty() {
        let what = format!("{} has no consumer at the queue, though a worker holds it", lanes(&unconsumed));
        let problem = FleetProblem::new(ProblemKind::LaneWithoutConsumer, what);
        problems.push(problem.alert(AlertName::LaneWithoutConsumer));
    }
}

/// `None`: others have taken over what it did, and it is no news any more.
fn of_the_lost(facts: &Facts, replica: &ReplicaView) -> Option<FleetProblem> {
    let lost = format!("{} was lost {} ago", replica.replica, time(replica.silent_seconds));
    let orphaned = facts.orphaned(&replica.replica);
    let is_news = replica.silent_seconds <= LOST_IS_NEWS_SECONDS;
    let problem = |what: String| FleetProblem::new(ReplicaLost, what).alert(AlertName::ReplicaLost);
    match replica.role {
        _ if !orphaned.is_empty() => {
            let what = format!("{lost} and nobody serves its {}", lanes(&orphaned));
            Some(problem(what).remedy("start it again"))
        }
        _ if !is_news => None,
        Role::Worker => Some(problem(format!("{lost}; its lanes are served again"))),
        Role::Api | Role::Monitor => Some(problem(lost).remedy("start it again")),
    }
}

/// What troubles live replicas, once for all that say the same: a server that is away is one problem.
fn troubles(facts: &Facts) -> Vec<FleetProblem> {
    let mut by_trouble: BTreeMap<(&str, TroubleKind), Vec<&str>> = BTreeMap::new();
    for replica in facts.replicas.iter().filter(|replica| replica.state == ReplicaState::Live) {
        if let Some(trouble) = &replica.trouble {
            by_trouble.entry((trouble, replica.trouble_kind)).or_default().push(&replica.replica);
        }
    }
    by_trouble
        .into_iter()
        .map(|(trouble, who)| match (trouble, who.as_slice()) {
            // The broker takes no messages, but hands them out: workers go on with what waits.
            ((what, TroubleKind::BrokerAlarm), _) => {
                let what = format!("the broker raised an alarm: {what}");
                FleetProblem::new(BrokerAlarm, what)
                    .remedy("free memory or disk of the broker; jobs that wait are still posted")
            }
            ((what, _), [one]) => FleetProblem::new(ReplicaInTrouble, format!("{one} cannot work: {what}")),
            ((what, _), all) => {
                FleetProblem::new(ReplicaInTrouble, format!("{} replicas cannot work: {what}", all.len()))
            }
        })
        .collect()
}

/// Alerts that no problem above tells of: about what is promised on weak ground, and how much the fleet has to
/// bear. How long jobs wait is shown with the flow.
const STRAINS: [AlertName; 8] = [
    AlertName::WeakDurability,
    AlertName::ClockSkew,
    AlertName::ResponseTime,
    AlertName::ErrorRate,
    AlertName::PoolExhausted,
    AlertName::Memory,
    AlertName::Disk,
    AlertName::Cpu,
];

/// What strains the fleet for so long that its alert fires.
pub(crate) fn strains(firing: &[AlertView]) -> Vec<FleetProblem> {
    let strains = STRAINS.iter().filter_map(|name| firing.iter().find(|alert| alert.alert == *name));
    strains.map(|alert| FleetProblem::new(AlertFiring, &alert.sentence).alert(alert.alert)).collect()
}

/// How the fleet is, with these problems.
pub(crate) fn state(facts: &Facts, problems: &[FleetProblem]) -> FleetState {
    match problems {
        [_, ..] => FleetState::Attention,
        [] if facts.bus == BusState::Young => FleetState::Starting,
        [] if is_draining(facts) => FleetState::Draining,
        [] => FleetState::Well,
    }
}

/// How the fleet is, in a sentence.
pub(crate) fn verdict(state: FleetState, problems: &[FleetProblem], flow: &str) -> String {
    match (state, problems) {
        (FleetState::Attention, [one]) => format!("attention: {one} ({flow})"),
        (FleetState::Attention, [first, rest @ ..]) => {
            format!("attention: {first}, and {} more ({flow})", rest.len())
        }
        (FleetState::Starting, _) => format!("starting: not every replica has reported yet ({flow})"),
        (FleetState::Draining, _) => format!("draining: {flow}"),
        (FleetState::Well | FleetState::Attention, _) => format!("well: {flow}"),
    }
}

fn is_draining(facts: &Facts) -> bool {
    // Whatever the queue holds: workers may have all of it in hand.
    facts.queue.lag_seconds.is_some_and(|lag| lag > LAG_WORTH_A_WORD_SECONDS)
}

/// How jobs flow, in a few words: `4,120 jobs, oldest 38 s, clear in about 55 s`.
pub(crate) fn flow(facts: &Facts) -> String {
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
        None if is_draining(facts) => ", not decreasing".to_owned(),
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
        let problems = problems(facts);
        verdict(state(facts, &problems), &problems, &flow(facts))
    }

    fn kinds(facts: &Facts) -> Vec<ProblemKind> {
        problems(facts).iter().map(|problem| problem.kind).collect()
    }

    #[test]
    fn a_fleet_at_rest_is_well() {
        assert_eq!(verdict_of(&well()), "well: nothing waits, idle");
    }

    #[test]
    fn a_backlog_is_shown_with_its_end() {
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
        let orphans = problems(&lost_worker(4.0, false));
        assert_eq!(kinds(&lost_worker(4.0, false)), [LaneWithoutWorker, ReplicaLost]);
        assert!(orphans[1].what.contains("nobody serves its lanes 0, 3, 6, 9, 12 and 15"), "{orphans:?}");
        let news = problems(&lost_worker(4.0, true));
        assert_eq!(kinds(&lost_worker(4.0, true)), [ReplicaLost]);
        assert_eq!(news[0].what, "worker-0 was lost 4.0 s ago; its lanes are served again");
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
        assert_eq!(kinds(&facts), [ProblemKind::LaneWithoutConsumer]);
        assert!(problems(&facts)[0].what.contains("lane 7"), "{:?}", problems(&facts));
    }

    #[test]
    fn a_fleet_under_an_alert_is_not_called_well() {
        let mut facts = well();
        facts.resources.disk_percent_max = Some(97.0);
        let mut alerts = Alerts::new();
        let firing = |alerts: &Alerts, facts: &Facts| strains(&Alerts::firing(&alerts.views(facts)));
        alerts.judge(&facts);
        assert_eq!(firing(&alerts, &facts), [], "one reading is no alert");
        facts.at += facts.thresholds.alert_for();
        alerts.judge(&facts);
        let strains = firing(&alerts, &facts);
        assert_eq!(strains.iter().map(|strain| strain.alert).collect::<Vec<_>>(), [Some(AlertName::Disk)]);
        assert_eq!(
            verdict(state(&facts, &strains), &strains, &flow(&facts)),
            "attention: 97 % of the disk is in use; see docs/runbooks/disk.md (nothing waits, idle)"
        );
    }

    #[test]
    fn an_alarm_of_the_broker_is_named_once_and_stops_no_worker() {
        let mut facts = well();
        for replica in &mut facts.replicas {
            replica.trouble = Some("RabbitMQ at h:1 takes no messages".to_owned());
            replica.trouble_kind = TroubleKind::BrokerAlarm;
        }
        assert_eq!(kinds(&facts), [BrokerAlarm]);
    }

    #[test]
    fn silence_on_a_bus_that_is_away_says_nothing_of_the_replicas() {
        let facts = Facts { bus: BusState::Away, ..lost_worker(30.0, false) };
        assert_eq!(kinds(&facts), [BusAway]);
    }
}
