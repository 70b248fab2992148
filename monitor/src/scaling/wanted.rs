//! How many workers the load needs: enough that they are not busier than they should be and that a backlog
//! goes, never more than there are lanes, and no more where more would not help.

use crate::facts::{BusState, Facts};
use crate::scaling::bottleneck::more_workers_help;
use crate::scaling::load::Load;
use crate::views::health::WorkersWanted;
use crate::views::optimize::Bottleneck;
use crate::words::{counted, grouped, time};

/// Workers should be busy so much: what is left is for peaks, and for one that dies.
const BUSY_TARGET: f64 = 0.6;
/// A backlog should be gone within this time.
const CLEAR_SECONDS: f64 = 60.0;
/// Jobs that wait for less long are no backlog.
const BACKLOG_LAG_SECONDS: f64 = 2.0;

/// How many workers there should be, and why.
pub(crate) fn wanted(facts: &Facts, bottleneck: &Bottleneck) -> WorkersWanted {
    let now = facts.live_workers();
    let load = Load::of(facts);
    let answer = |workers: u16, reason: String| WorkersWanted {
        workers: Some(workers.clamp(1, facts.lane_count().max(1))),
        now,
        reason,
    };
    if facts.bus != BusState::Up || facts.queue.depth_messages.is_none() {
        let reason = "not known while the replicas do not report or the queue does not answer".to_owned();
        return WorkersWanted { workers: None, now, reason };
    }
    if now == 0 {
        return answer(1, "no worker is running, and nothing is posted without one".to_owned());
    }
    if facts.ledger_trouble.is_some() {
        return answer(now, "more workers do not bring back a ledger that is away".to_owned());
    }
    if load.lag_seconds > BACKLOG_LAG_SECONDS && load.depth_jobs > 0.0 {
        return for_backlog(facts, bottleneck, &load, answer);
    }
    let busy = load.utilisation();
    let enough = rounded_up(f64::from(now) * busy / BUSY_TARGET);
    let percent = 100.0 * busy;
    match enough.max(1) {
        more if more > now && !more_workers_help(bottleneck) && busy < 0.8 => {
            answer(now, format!("{} carry the load, {percent:.0} % busy", counted(now.into(), "worker")))
        }
        workers => {
            let who = if now == 1 { "the worker is".to_owned() } else { format!("{now} workers are") };
            let pace = grouped(rounded(load.settled_per_second));
            let mut reason = format!("{who} {percent:.0} % busy with {pace} jobs a second");
            if workers != now {
                let would = (percent * f64::from(now) / f64::from(workers)).min(100.0);
                let workers = counted(workers.min(facts.lane_count()).into(), "worker");
                reason += &format!("; {workers} would be {would:.0} % busy");
            }
            answer(workers, reason)
        }
    }
}

fn for_backlog(
    facts: &Facts,
    bottleneck: &Bottleneck,
    load: &Load,
    answer: impl Fn(u16, String) -> WorkersWanted,
) -> WorkersWanted {
    let now = facts.live_workers();
    let waiting = format!("{} jobs wait", grouped(rounded(load.depth_jobs)));
    if !more_workers_help(bottleneck) {
        return answer(now, format!("{waiting}, but more workers would not help: {}", bottleneck.sentence));
    }
    let each = load.settled_per_second / f64::from(now);
    if each <= 0.0 {
        return answer(now.saturating_add(1), format!("{waiting} and none is posted"));
    }
    let needed = load.accepted_per_second + load.depth_jobs / CLEAR_SECONDS;
    let workers = rounded_up(needed / each).max(now);
    let most = facts.lane_count();
    if workers > most {
        let reason = format!(
            "{waiting} and {} a second come; more than {} cannot share {most} lanes",
            grouped(rounded(load.accepted_per_second)),
            counted(most.into(), "worker")
        );
        return answer(most, reason);
    }
    let spare = f64::from(workers) * each - load.accepted_per_second;
    let clear = time(load.depth_jobs / spare.max(1.0));
    let reason = format!("{waiting}; {} clear them in about {clear}", counted(workers.into(), "worker"));
    answer(workers, reason)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Clamped.
fn rounded_up(workers: f64) -> u16 {
    // A hundredth of a worker is no worker.
    (workers - 0.01).ceil().clamp(0.0, f64::from(u16::MAX)) as u16
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Not negative, far below 2^53.
fn rounded(count: f64) -> u64 {
    count.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::well;
    use crate::scaling::bottleneck::{find, tests::under_pressure};

    fn wanted_for(facts: &Facts) -> WorkersWanted {
        wanted(facts, &find(facts))
    }

    #[test]
    fn an_idle_fleet_wants_one_worker() {
        assert_eq!(wanted_for(&well()).workers, Some(1));
    }

    #[test]
    fn a_backlog_wants_as_many_as_clear_it() {
        let wanted = wanted_for(&under_pressure());
        // 2,000 a second with three; 3,000 come, and 20,000 are to be gone in a minute.
        assert_eq!((wanted.workers, wanted.now), (Some(5), 3), "{}", wanted.reason);
        assert!(wanted.reason.starts_with("20,000 jobs wait; 5 workers clear them in"), "{}", wanted.reason);
    }

    #[test]
    fn never_more_than_lanes() {
        let mut flood = under_pressure();
        flood.queue.depth_jobs = Some(50_000_000);
        let wanted = wanted_for(&flood);
        assert_eq!(wanted.workers, Some(16), "{}", wanted.reason);
    }

    #[test]
    fn none_where_they_would_not_help_and_why() {
        let mut slow_disk = under_pressure();
        let posting = slow_disk.last_10_s.processing.posting;
        slow_disk.last_10_s.processing.write_and_commit = posting;
        let wanted = wanted_for(&slow_disk);
        assert_eq!(wanted.workers, Some(3));
        assert!(wanted.reason.contains("would not help: the database"), "{}", wanted.reason);
    }

    #[test]
    fn what_is_not_reported_gives_no_number() {
        let deaf = Facts { bus: BusState::Away, ..well() };
        assert_eq!(wanted_for(&deaf).workers, None);
    }
}
