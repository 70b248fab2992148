//! Alerts: [`rules`] says what holds now, [`machine`] when that is worth waking someone, [`log`] keeps what
//! fired, and [`webhook`] posts them to the webhook.

pub(crate) mod log;
pub(crate) mod machine;
pub(crate) mod rules;
pub(crate) mod webhook;

use std::time::Duration;

use jiff::Timestamp;

use self::machine::{Machine, Turn};
use self::rules::{Reading, Rule};
use crate::facts::Facts;
use crate::views::alerts::{AlertRecord, AlertState, AlertView};

/// A resolved alert is shown as such for so long.
const SHOWN_WHILE_RESOLVED: Duration = Duration::from_secs(600);

/// Every rule with its machine.
pub(crate) struct Alerts {
    watched: Vec<Watched>,
}

struct Watched {
    rule: &'static Rule,
    machine: Machine,
    reading: Reading,
    /// The sentence of the time when it was worst.
    worst: String,
}

/// An alert that fired or was resolved just now.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) fired: bool,
    pub(crate) record: AlertRecord,
}

impl Alerts {
    pub(crate) fn new() -> Alerts {
        let watched = |rule: &'static Rule| Watched {
            rule,
            machine: Machine::default(),
            reading: Reading::unknown(),
            worst: String::new(),
        };
        Alerts { watched: rules::ALL.iter().map(watched).collect() }
    }

    /// Judges every rule by what is known now, and returns what fired or was resolved.
    pub(crate) fn judge(&mut self, facts: &Facts) -> Vec<Change> {
        let timing = machine::Timing {
            fires_after: facts.thresholds.alert_for(),
            clears_after: facts.thresholds.alert_clear(),
        };
        self.watched.iter_mut().filter_map(|watched| watched.judge(facts, timing)).collect()
    }

    /// Goes on with those that fired before this monitor started, newest first, and were not over when it did.
    /// Returns those that nobody will ever find to be over, with an end.
    pub(crate) fn resume(&mut self, open: Vec<AlertRecord>, now: Timestamp) -> Vec<Change> {
        let taken = |record: &AlertRecord, watched: &mut [Watched]| {
            let of_it = watched.iter_mut().find(|watched| <&str>::from(watched.rule.name) == record.alert);
            of_it.is_some_and(|watched| watched.resume(record))
        };
        open.into_iter()
            .filter(|record| !taken(record, &mut self.watched))
            .map(|record| Change {
                fired: false,
                record: AlertRecord {
                    resolved_at: Some(now),
                    sentence: format!("{}; the monitor ended before this was over", record.sentence),
                    ..record
                },
            })
            .collect()
    }

    pub(crate) fn views(&self, facts: &Facts) -> Vec<AlertView> {
        let (fires_after, clears_after) = (facts.thresholds.alert_for(), facts.thresholds.alert_clear());
        self.watched.iter().map(|watched| watched.view(facts.at, fires_after, clears_after)).collect()
    }

    /// Those that fire, the gravest first.
    pub(crate) fn firing(views: &[AlertView]) -> Vec<AlertView> {
        let mut firing: Vec<_> =
            views.iter().filter(|view| view.state == AlertState::Firing).cloned().collect();
        firing.sort_by_key(|view| view.severity);
        firing
    }
}

impl Watched {
    fn judge(&mut self, facts: &Facts, timing: machine::Timing) -> Option<Change> {
        self.reading = (self.rule.read)(facts);
        // The peak of the time before says nothing about this one.
        let begins = self.machine.state == AlertState::Inactive;
        let worse = begins || self.machine.peak < self.reading.value;
        let turn = self.machine.step(&self.reading, facts.at, timing);
        if self.reading.holds == Some(true) && worse {
            self.worst.clone_from(&self.reading.sentence);
        }
        turn.map(|turn| Change { fired: turn == Turn::Fired, record: self.record() })
    }

    /// Takes one over from the monitor before, unless it fires already by what this one found.
    fn resume(&mut self, record: &AlertRecord) -> bool {
        let takes = self.machine.state != AlertState::Firing;
        if takes {
            self.machine = Machine::resumed(record.since, record.fired_at, record.peak);
            self.worst.clone_from(&record.sentence);
        }
        takes
    }

    fn record(&self) -> AlertRecord {
        let (machine, rule) = (&self.machine, self.rule);
        AlertRecord {
            alert: rule.name.to_string(),
            severity: rule.severity,
            since: machine.since.unwrap_or_default(),
            fired_at: machine.fired_at.unwrap_or_default(),
            resolved_at: machine.resolved_at,
            peak: machine.peak,
            threshold: self.reading.threshold,
            unit: rule.unit.to_owned(),
            sentence: self.worst.clone(),
            runbook: rule.name.runbook(),
        }
    }

    fn view(&self, now: Timestamp, fires_after: Duration, clears_after: Duration) -> AlertView {
        let (machine, rule, reading) = (&self.machine, self.rule, &self.reading);
        let resolved_at = machine.resolved_at;
        let recently =
            resolved_at.is_some_and(|at| now.duration_since(at).unsigned_abs() < SHOWN_WHILE_RESOLVED);
        AlertView {
            alert: rule.name,
            state: match machine.state {
                AlertState::Inactive if recently => AlertState::Resolved,
                state => state,
            },
            severity: rule.severity,
            value: reading.value,
            threshold: reading.threshold,
            unit: rule.unit,
            threshold_setting: rule.setting,
            for_seconds: fires_after.as_secs_f64(),
            clear_seconds: clears_after.as_secs_f64(),
            since: machine.since.filter(|_| machine.state != AlertState::Inactive),
            fired_at: machine.fired_at,
            resolved_at,
            peak: machine.peak,
            sentence: reading.sentence.clone(),
            runbook: rule.name.runbook(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::well;
    use crate::views::alerts::AlertName;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn lag(second: i64, seconds: f64, lane: u16) -> Facts {
        let mut facts = Facts { at: at(second), ..well() };
        facts.queue.lag_seconds = Some(seconds);
        facts.lanes[usize::from(lane)].lag_seconds = Some(seconds);
        facts
    }

    #[test]
    fn a_moment_that_passed_is_not_what_an_alert_is_about_later() {
        let mut alerts = Alerts::new();
        assert!(alerts.judge(&lag(0, 90.0, 3)).is_empty());
        assert!(alerts.judge(&lag(1, 0.0, 3)).is_empty());
        let changes: Vec<_> = (2..=7).flat_map(|second| alerts.judge(&lag(second, 40.0, 5))).collect();
        assert_eq!(changes.len(), 1, "{changes:?}");
        let record = &changes[0].record;
        assert!(record.sentence.contains("lane 5 waits for 40"), "{record:?}");
        assert_eq!((record.peak, record.since), (Some(40.0), at(2)));
        // Nor is one that fired.
        (8..=18).for_each(|second| drop(alerts.judge(&lag(second, 0.0, 5))));
        let changes: Vec<_> = (19..=24).flat_map(|second| alerts.judge(&lag(second, 35.0, 9))).collect();
        assert!(changes[0].record.sentence.contains("lane 9 waits for 35"), "{changes:?}");
    }

    #[test]
    fn the_next_monitor_goes_on_with_what_fires() {
        let mut before = Alerts::new();
        let fired: Vec<_> = (0..=5).flat_map(|second| before.judge(&lag(second, 40.0, 5))).collect();
        let open = fired[0].record.clone();
        let unknown = AlertRecord { alert: "of_another_version".to_owned(), ..open.clone() };
        let older = AlertRecord { fired_at: at(-50), ..open.clone() };

        let mut alerts = Alerts::new();
        let closed = alerts.resume(vec![open.clone(), unknown, older], at(9));
        assert_eq!(closed.len(), 2, "{closed:?}");
        for change in &closed {
            assert!(!change.fired && change.record.resolved_at == Some(at(9)), "{change:?}");
            assert!(change.record.sentence.ends_with("the monitor ended before this was over"), "{change:?}");
        }
        let firing = Alerts::firing(&alerts.views(&well()));
        assert_eq!((firing.len(), firing[0].alert, firing[0].since), (1, AlertName::Lag, Some(open.since)));
        assert!(alerts.judge(&lag(10, 35.0, 7)).is_empty(), "it was told already");
        let changes: Vec<_> = (11..=21).flat_map(|second| alerts.judge(&lag(second, 0.0, 7))).collect();
        let resolved = AlertRecord { resolved_at: Some(at(21)), ..open };
        assert_eq!(changes.iter().map(|change| &change.record).collect::<Vec<_>>(), [&resolved]);
    }

    #[test]
    fn what_fires_anew_before_the_log_could_be_read_is_not_taken_over() {
        let mut alerts = Alerts::new();
        let fired: Vec<_> = (0..=5).flat_map(|second| alerts.judge(&lag(second, 40.0, 5))).collect();
        let before = AlertRecord { fired_at: at(-50), since: at(-60), ..fired[0].record.clone() };
        let closed = alerts.resume(vec![before], at(6));
        assert_eq!((closed.len(), closed[0].record.fired_at), (1, at(-50)));
        assert_eq!(Alerts::firing(&alerts.views(&well()))[0].since, Some(at(0)));
    }

    #[test]
    fn a_ledger_that_is_away_fires_within_the_time_and_resolves_by_itself() {
        let mut alerts = Alerts::new();
        let away = |second: i64| Facts {
            at: at(second),
            ledger: None,
            ledger_trouble: Some("connection refused".to_owned()),
            ..well()
        };
        let changes: Vec<_> = (0..=5).flat_map(|second| alerts.judge(&away(second))).collect();
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert!(changes[0].fired && changes[0].record.alert == "ledger_away");
        assert!(changes[0].record.sentence.contains("connection refused"), "{changes:?}");
        let firing = Alerts::firing(&alerts.views(&away(5)));
        assert_eq!(firing[0].since, Some(at(0)));

        let changes: Vec<_> =
            (6..=16).flat_map(|second| alerts.judge(&Facts { at: at(second), ..well() })).collect();
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert!(!changes[0].fired && changes[0].record.resolved_at == Some(at(16)));
        let views = alerts.views(&Facts { at: at(17), ..well() });
        let ledger = views.iter().find(|view| view.alert == AlertName::LedgerAway).unwrap();
        assert_eq!(ledger.state, AlertState::Resolved);
    }
}
