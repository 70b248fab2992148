//! Rules about parts that are there or not.

use queue::policies::Policies;
use runtime::clock::SKEW_TOLERATED;

use super::Reading;
use crate::facts::{BusState, Facts};
use crate::problems::LOST_IS_NEWS_SECONDS;
use crate::views::health::MissingJobs;
use crate::words::{counted, lanes, time};

pub(super) fn books_out_of_balance(facts: &Facts) -> Reading {
    let Some(ledger) = &facts.ledger else {
        return Reading::wrong(None, "the ledger cannot be read".to_owned());
    };
    let off: Vec<_> = ledger
        .balances
        .iter()
        .filter(|balance| balance.sum != "0")
        .map(|balance| format!("{} {}", balance.sum, balance.currency))
        .collect();
    let sentence = if ledger.balanced {
        "debits equal credits in every currency".to_owned()
    } else {
        format!("all balances should sum to zero, but are off by {} (minor units)", off.join(", "))
    };
    Reading::wrong(Some(!ledger.balanced), sentence)
}

pub(super) fn ledger_away(facts: &Facts) -> Reading {
    match (&facts.ledger_trouble, facts.ledger_answers) {
        (Some(why), _) => Reading::wrong(Some(true), format!("the ledger cannot be read: {why}")),
        (None, true) => Reading::wrong(Some(false), "the ledger answers".to_owned()),
        (None, false) => Reading::wrong(None, "the ledger has not been asked yet".to_owned()),
    }
}

pub(super) fn clock_skew(facts: &Facts) -> Reading {
    let threshold = SKEW_TOLERATED.as_secs_f64();
    let Some((replica, ahead)) = facts.clock_skew() else {
        return Reading::unknown_against(threshold, "not known while no replica reports");
    };
    let skew = ahead.abs();
    let sentence = if skew > threshold {
        let way = if ahead > 0.0 { "ahead of" } else { "behind" };
        format!(
            "the clock of {replica} is {} {way} most others of the fleet, and times between replicas are wrong by as much",
            time(skew)
        )
    } else {
        format!("the clocks of the replicas agree within {}", time(threshold))
    };
    Reading::above(skew, threshold, sentence)
}

pub(super) fn weak_durability(facts: &Facts) -> Reading {
    let Some(durability) = &facts.durability else {
        return Reading::wrong(None, "the settings of the database have not been read yet".to_owned());
    };
    Reading::above(durability.weaknesses.len() as f64, 0.0, durability.sentence())
}

pub(super) fn queue_away(facts: &Facts) -> Reading {
    match (&facts.queue_trouble, facts.bus) {
        (Some(why), _) => Reading::wrong(Some(true), format!("the queue cannot be read: {why}")),
        (None, BusState::Away) => Reading::wrong(Some(true), "the fleet bus is away".to_owned()),
        (None, _) => Reading::wrong(Some(false), "the queue answers".to_owned()),
    }
}

pub(super) fn queue_policy(facts: &Facts) -> Reading {
    match facts.policies.as_deref() {
        None => Reading::unknown_against(0.0, "the policies of the broker have not been read yet"),
        Some(unlooked @ Policies::NotLookedAt(_)) => Reading::unknown_against(0.0, &unlooked.sentence()),
        Some(policies) => Reading::above(policies.harmful().len() as f64, 0.0, policies.sentence()),
    }
}

pub(super) fn lane_without_consumer(facts: &Facts) -> Reading {
    if facts.bus != BusState::Up {
        return Reading::unknown_against(0.0, "not known while the fleet bus is away or has just come up");
    }
    let mut unserved = facts.unheld();
    unserved.extend(facts.unconsumed());
    unserved.sort_unstable();
    let sentence = match unserved.as_slice() {
        [] => "every lane is served".to_owned(),
        some => format!("nobody serves {}", lanes(some)),
    };
    Reading::above(unserved.len() as f64, 0.0, sentence)
}

pub(super) fn jobs_missing(facts: &Facts) -> Reading {
    let Some(missing) = facts.reconciliation.missing_jobs else {
        return Reading::unknown_against(0.0, "not known whether every accepted job is somewhere");
    };
    let sentence = match missing {
        0 => "every accepted job has its outcome or waits".to_owned(),
        some => format!(
            "{} had been accepted and {} nowhere: without an outcome, and not in the queue; {}",
            counted(some, "job"),
            if some == 1 { "is" } else { "are" },
            missing_by_lane(&facts.reconciliation.missing_lanes),
        ),
    };
    Reading::above(missing as f64, 0.0, sentence)
}

/// `lane 3: 5, lane 7: 1`.
fn missing_by_lane(missing: &[MissingJobs]) -> String {
    let lanes: Vec<_> =
        missing.iter().map(|MissingJobs { lane, jobs }| format!("lane {lane}: {jobs}")).collect();
    lanes.join(", ")
}

pub(super) fn replica_lost(facts: &Facts) -> Reading {
    if facts.bus != BusState::Up {
        return Reading::unknown_against(0.0, "not known while the fleet bus is away or has just come up");
    }
    // One whose work others do is news for a minute; one whose lanes nobody serves stays.
    let lost: Vec<_> = facts
        .lost()
        .filter(|replica| {
            replica.silent_seconds <= LOST_IS_NEWS_SECONDS || !facts.orphaned(&replica.replica).is_empty()
        })
        .map(|replica| replica.replica.as_str())
        .collect();
    let sentence = match lost.as_slice() {
        [] => "every replica reports, or has stopped in good order".to_owned(),
        some => format!("{} went silent without stopping in good order", some.join(", ")),
    };
    Reading::above(lost.len() as f64, 0.0, sentence)
}

pub(super) fn dead_letters(facts: &Facts) -> Reading {
    let threshold = facts.thresholds.alert_dead_letters() as f64;
    match facts.dead_letters {
        None => Reading::unknown_against(threshold, "not known while the queue is away"),
        Some(letters) => {
            let sentence = format!("{} to look at", counted(letters, "dead letter"));
            let value = letters as f64;
            // A count has no noise: it is clear as soon as it is not above.
            Reading { clear: Some(value <= threshold), ..Reading::above(value, threshold, sentence) }
        }
    }
}

pub(super) fn webhook_disabled(facts: &Facts) -> Reading {
    let Some(standing) = &facts.webhooks else {
        return Reading::unknown_against(0.0, "not known while the database does not answer");
    };
    let sentence = match &standing.disabled_one {
        None => "every webhook endpoint that its client wants is sent events".to_owned(),
        Some(one) => format!(
            "{} sent nothing any more, {one} among them: it failed for days, is gone, or its client has no key",
            match standing.disabled {
                1 => "1 webhook endpoint is".to_owned(),
                some => format!("{} are", counted(some, "webhook endpoint")),
            }
        ),
    };
    let value = standing.disabled as f64;
    Reading { clear: Some(standing.disabled == 0), ..Reading::above(value, 0.0, sentence) }
}
