//! The score: ten parts, each from 0 to 100 with its reason, and their weighted mean.

use crate::facts::{BusState, Facts};
use crate::views::health::{Health, HealthPart, HealthPartName};
use crate::words::{counted, lanes, time};

/// With a part at 0 that everything depends on, the whole is not above this.
const BROKEN_MAX: u8 = 25;
/// Parts that everything depends on.
const VITAL: [HealthPartName; 4] =
    [HealthPartName::Workers, HealthPartName::Queue, HealthPartName::Ledger, HealthPartName::Books];

/// What a part comes to, and why.
type Judged = (Option<u8>, String);

/// The score with its parts.
pub(crate) fn health(facts: &Facts) -> Health {
    let parts: [(HealthPartName, u8, Judged); 10] = [
        (HealthPartName::Workers, 20, workers(facts)),
        (HealthPartName::Queue, 15, queue(facts)),
        (HealthPartName::Ledger, 15, ledger(facts)),
        (HealthPartName::Books, 10, books(facts)),
        (HealthPartName::Lag, 10, lag(facts)),
        (HealthPartName::Response, 10, response(facts)),
        (HealthPartName::Errors, 5, errors(facts)),
        (HealthPartName::Resources, 5, resources(facts)),
        (HealthPartName::Pools, 5, pools(facts)),
        (HealthPartName::DeadLetters, 5, dead_letters(facts)),
    ];
    let parts: Vec<_> = parts
        .into_iter()
        .map(|(name, weight, (score, reason))| HealthPart { name, score, weight, reason })
        .collect();
    Health { score: total(&parts), parts }
}

fn total(parts: &[HealthPart]) -> Option<u8> {
    let known = parts.iter().filter_map(|part| Some((u32::from(part.score?), u32::from(part.weight))));
    let (sum, weights) =
        known.fold((0, 0), |(sum, weights), (score, weight)| (sum + score * weight, weights + weight));
    let mean = u8::try_from((sum + weights / 2).checked_div(weights)?).ok()?;
    let broken = parts.iter().any(|part| part.score == Some(0) && VITAL.contains(&part.name));
    Some(if broken { mean.min(BROKEN_MAX) } else { mean })
}

fn workers(facts: &Facts) -> Judged {
    // Whatever the cause, and whoever is there: this is what they are there for.
    if let Some(reason) = facts.standstill() {
        return (Some(0), reason);
    }
    match facts.bus {
        BusState::Away => {
            return (None, "the fleet bus is away: no replica can report".to_owned());
        }
        BusState::Young => return (None, "not every replica has reported yet".to_owned()),
        BusState::Up => {}
    }
    let (live, all) = (facts.live_workers(), facts.lanes.len());
    if live == 0 {
        return (Some(0), "no worker is running".to_owned());
    }
    let unserved: Vec<u16> =
        facts.lanes.iter().filter(|lane| lane.served != Some(true)).map(|lane| lane.lane).collect();
    let workers = counted(live.into(), "worker");
    if unserved.is_empty() {
        let serve = if live == 1 { "serves" } else { "serve" };
        return (Some(100), format!("{workers} {serve} all {all} lanes"));
    }
    let score = percent(all - unserved.len(), all).min(90);
    // One lane without a worker is an outage for its accounts.
    (Some(score.min(60)), format!("nobody serves {}; {workers} are live", lanes(&unserved)))
}

fn queue(facts: &Facts) -> Judged {
    match (&facts.queue_trouble, facts.queue.depth_messages) {
        (Some(why), _) => (Some(0), format!("the queue cannot be read: {why}")),
        (None, Some(_)) => (Some(100), "the queue answers".to_owned()),
        (None, None) => (None, "the queue has not been asked yet".to_owned()),
    }
}

fn ledger(facts: &Facts) -> Judged {
    match (&facts.ledger_trouble, facts.ledger_answers) {
        (Some(why), _) => (Some(0), format!("the ledger cannot be read: {why}")),
        (None, true) => (Some(100), "the ledger answers".to_owned()),
        (None, false) => (None, "the ledger has not been asked yet".to_owned()),
    }
}

fn books(facts: &Facts) -> Judged {
    match facts.ledger.as_ref().map(|ledger| ledger.balanced) {
        Some(true) => (Some(100), "debits equal credits in every currency".to_owned()),
        Some(false) => (Some(0), "debits do not equal credits; run `tellers verify`".to_owned()),
        None => (None, "it is not known whether debits equal credits".to_owned()),
    }
}

fn lag(facts: &Facts) -> Judged {
    let Some(lag) = facts.queue.lag_seconds else {
        return (None, "the lag is not known".to_owned());
    };
    let threshold = facts.thresholds.alert_lag_seconds();
    let reason = if lag < 0.1 {
        "no job waits for long".to_owned()
    } else {
        format!("the oldest job waits for {}", time(lag))
    };
    (Some(below(lag, threshold)), reason)
}

fn response(facts: &Facts) -> Judged {
    match facts.last_10_s.response_times {
        None => (None, "no request in the last 10 s".to_owned()),
        Some(times) => {
            let p95 = times.p95_seconds;
            let reason = format!("95 % of requests are answered within {:.0} ms", p95 * 1e3);
            (Some(below(p95, facts.thresholds.alert_response_seconds())), reason)
        }
    }
}

fn errors(facts: &Facts) -> Judged {
    match facts.last_60_s.errors.failed_requests_percent {
        None => (None, "no request in the last minute".to_owned()),
        Some(failed) => (
            Some(below(failed, facts.thresholds.alert_error_percent())),
            format!("{failed:.1} % of requests failed in the last minute"),
        ),
    }
}

fn resources(facts: &Facts) -> Judged {
    let used = [
        ("CPU", facts.resources.cpu_percent_max, facts.thresholds.alert_cpu_percent()),
        ("memory", facts.resources.memory_percent_max, facts.thresholds.alert_memory_percent()),
        ("disk", facts.resources.disk_percent_max, facts.thresholds.alert_disk_percent()),
    ];
    let known = used.iter().filter_map(|(what, used, most)| Some((*what, (*used)?, *most)));
    let words: Vec<_> = known.clone().map(|(what, used, _)| format!("{what} {used:.0} %")).collect();
    let worst = known
        // Full use is no fault until the threshold; beyond it the score falls.
        .map(
            |(_, used, most)| {
                if used <= most { 100 } else { 100 - percent_of((used - most) / (100.0 - most).max(1.0)) }
            },
        )
        .min();
    match worst {
        Some(score) => (Some(score), words.join(", ")),
        None => (None, "no replica reports what it uses".to_owned()),
    }
}

fn pools(facts: &Facts) -> Judged {
    let Some(tightest) = facts.pools.iter().max_by_key(|pool| (pool.waiting, pool.in_use)) else {
        return (None, "no replica reports its pools".to_owned());
    };
    let (name, one) = (&tightest.name, tightest.one());
    if tightest.waiting > 0 {
        let waiting = counted(tightest.waiting, "task");
        let wait = if tightest.waiting == 1 { "waits" } else { "wait" };
        return (Some(30), format!("{waiting} {wait} for a {one} of pool {name}"));
    }
    (Some(100), format!("{} of {} {one}s of pool {name} are in use", tightest.in_use, tightest.size_max))
}

fn dead_letters(facts: &Facts) -> Judged {
    match facts.dead_letters {
        None => (None, "the number of dead letters is not known".to_owned()),
        Some(0) => (Some(100), "no dead letters".to_owned()),
        Some(letters) => (Some(40), format!("{} to look at", counted(letters, "dead letter"))),
    }
}

/// 100 up to half of the threshold, 50 at it, 0 at three times it.
fn below(value: f64, threshold: f64) -> u8 {
    let ratio = if threshold > 0.0 {
        value / threshold
    } else if value > 0.0 {
        3.0
    } else {
        0.0
    };
    match ratio {
        ..=0.5 => 100,
        ..=1.0 => 100 - percent_of(ratio - 0.5),
        _ => 50 - percent_of((ratio - 1.0) / 4.0).min(50),
    }
}

fn percent_of(share: f64) -> u8 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Clamped.
    let percent = (share * 100.0).round().clamp(0.0, 100.0) as u8;
    percent
}

fn percent(part: usize, whole: usize) -> u8 {
    u8::try_from(100 * part / whole.max(1)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::STANDSTILL_SECONDS;
    use crate::facts::tests::{lost_worker, well};
    use crate::views::replica::PoolView;

    #[test]
    fn a_fleet_at_rest_has_the_full_score_of_weights_that_sum_to_100() {
        let health = health(&well());
        assert_eq!(health.score, Some(100));
        assert_eq!(health.parts.iter().map(|part| u32::from(part.weight)).sum::<u32>(), 100);
    }

    #[test]
    fn without_the_ledger_or_workers_the_score_is_low() {
        let away = Facts { ledger: None, ledger_trouble: Some("gone".to_owned()), ..well() };
        assert!(health(&away).score.unwrap() <= BROKEN_MAX);
        let mut alone = well();
        alone.replicas.clear();
        assert!(health(&alone).score.unwrap() <= BROKEN_MAX);
        let orphans = health(&lost_worker(5.0, false)).score.unwrap();
        assert!((26..100).contains(&orphans), "{orphans}");
    }

    #[test]
    fn where_jobs_wait_and_none_is_posted_the_score_is_low_though_all_else_is_well() {
        let stands = health(&Facts { still_seconds: STANDSTILL_SECONDS + 1.0, ..well() });
        assert!(stands.score.unwrap() <= BROKEN_MAX, "{stands:?}");
        assert_eq!(stands.parts[0].reason, "jobs wait, and none was posted for 5.0 s");
        let hands_over = health(&Facts { still_seconds: STANDSTILL_SECONDS, ..well() });
        assert_eq!(hands_over.score, Some(100));
    }

    #[test]
    fn totals_that_are_not_known_are_no_trouble_of_the_ledger() {
        let health = health(&Facts { ledger: None, ..well() });
        let part = |name| health.parts.iter().find(|part| part.name == name).unwrap().score;
        assert_eq!(
            (part(HealthPartName::Ledger), part(HealthPartName::Books), health.score),
            (Some(100), None, Some(100))
        );
    }

    #[test]
    fn what_is_not_known_counts_neither_way() {
        let mut blind = well();
        blind.dead_letters = None;
        let health = health(&blind);
        assert_eq!(health.score, Some(100));
        let part = health.parts.iter().find(|part| part.name == HealthPartName::DeadLetters).unwrap();
        assert_eq!(part.score, None);
    }

    #[test]
    fn threads_are_named_as_threads() {
        let mut busy = well();
        busy.pools = vec![PoolView { name: "io".to_owned(), size_max: 2, waiting: 1, ..PoolView::default() }];
        assert_eq!(pools(&busy).1, "1 task waits for a thread of pool io");
    }

    #[test]
    fn a_score_falls_with_its_figure() {
        let scores = [0.0, 1.0, 2.0, 4.0, 6.0].map(|value| below(value, 2.0));
        assert_eq!(scores, [100, 100, 50, 25, 0]);
    }
}
