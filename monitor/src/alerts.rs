//! Alerts: [`rules`] says what holds now, [`machine`] when that is worth waking someone, [`log`] keeps what
//! fired, and [`webhook`] tells whoever wants to be told.

pub(crate) mod log;
pub(crate) mod machine;
pub(crate) mod rules;
pub(crate) mod webhook;

use std::time::Duration;

use jiff::Timestamp;

use self::machine::{Machine, Turn};
use self::rules::{Reading, Rule};
use crate::facts::Facts;
use crate::views::alerts::{AlertRecord, AlertState, AlertView, Severity};

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
        let worse = self.machine.peak() < self.reading.value;
        let turn = self.machine.step(&self.reading, facts.at, timing);
        if self.reading.holds == Some(true) && (worse || self.worst.is_empty()) {
            self.worst.clone_from(&self.reading.sentence);
        }
        match turn? {
            Turn::Fired => Some(Change { fired: true, record: self.record() }),
            Turn::Resolved => {
                let record = self.record();
                self.worst.clear();
                Some(Change { fired: false, record })
            }
        }
    }

    fn record(&self) -> AlertRecord {
        let (machine, rule) = (&self.machine, self.rule);
        AlertRecord {
            alert: rule.name.to_owned(),
            severity: rule.severity,
            since: machine.since().unwrap_or_default(),
            fired_at: machine.fired_at().unwrap_or_default(),
            resolved_at: machine.resolved_at(),
            peak: machine.peak(),
            threshold: self.reading.threshold,
            unit: rule.unit.to_owned(),
            sentence: self.worst.clone(),
            runbook: rule.runbook(),
        }
    }

    fn view(&self, now: Timestamp, fires_after: Duration, clears_after: Duration) -> AlertView {
        let (machine, rule, reading) = (&self.machine, self.rule, &self.reading);
        let resolved_at = machine.resolved_at();
        let recently =
            resolved_at.is_some_and(|at| now.duration_since(at).unsigned_abs() < SHOWN_WHILE_RESOLVED);
        AlertView {
            alert: rule.name,
            state: match machine.state() {
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
            since: machine.since().filter(|_| machine.state() != AlertState::Inactive),
            fired_at: machine.fired_at(),
            resolved_at,
            peak: machine.peak(),
            sentence: reading.sentence.clone(),
            runbook: rule.runbook(),
        }
    }
}

impl Severity {
    /// As it is in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::well;

    #[test]
    fn a_ledger_that_is_away_fires_within_the_time_and_resolves_by_itself() {
        let mut alerts = Alerts::new();
        let at = |second: i64| Timestamp::from_second(second).unwrap();
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
        let ledger = views.iter().find(|view| view.alert == "ledger_away").unwrap();
        assert_eq!(ledger.state, AlertState::Resolved);
    }
}
