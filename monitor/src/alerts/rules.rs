//! The rules: what each alert goes by. Each has a page under `docs/runbooks` of its own name.

mod of_load;
mod of_parts;
mod of_requests;

use crate::facts::Facts;
use crate::views::alerts::{AlertName, Severity};

/// A firing alert is clear below this share of its threshold: it must not flap around it.
const CLEAR_SHARE: f64 = 0.9;

/// One rule.
pub(crate) struct Rule {
    pub(crate) name: AlertName,
    pub(crate) severity: Severity,
    /// Unit of its value: `seconds`, `percent` or a count's noun.
    pub(crate) unit: &'static str,
    /// The setting that holds its threshold.
    pub(crate) setting: Option<&'static str>,
    pub(crate) read: fn(&Facts) -> Reading,
}

/// What a rule finds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// What is measured; `None`: it is not known, or there is nothing to measure.
    pub(crate) value: Option<f64>,
    pub(crate) threshold: f64,
    /// It is beyond the threshold; `None`: not known.
    pub(crate) holds: Option<bool>,
    /// It is well on the good side of it; `None`: not known.
    pub(crate) clear: Option<bool>,
    pub(crate) sentence: String,
}

impl Reading {
    pub(crate) fn unknown() -> Reading {
        let sentence = "not known".to_owned();
        Reading { value: None, threshold: 0.0, holds: None, clear: None, sentence }
    }

    /// A value that should not be above a threshold.
    pub(crate) fn above(value: f64, threshold: f64, sentence: String) -> Reading {
        let (holds, clear) = (Some(value > threshold), Some(value <= threshold * CLEAR_SHARE));
        Reading { value: Some(value), threshold, holds, clear, sentence }
    }

    /// There is nothing that could be too much.
    fn nothing(threshold: f64, sentence: &str) -> Reading {
        let sentence = sentence.to_owned();
        Reading { value: None, threshold, holds: Some(false), clear: Some(true), sentence }
    }

    /// As it is, with the threshold shown although it is not known.
    fn unknown_against(threshold: f64, sentence: &str) -> Reading {
        Reading { threshold, sentence: sentence.to_owned(), ..Reading::unknown() }
    }

    /// Whether something is the case that should not be; shown as 1 or 0 with the threshold 0.
    fn wrong(wrong: Option<bool>, sentence: String) -> Reading {
        let value = wrong.map(|wrong| if wrong { 1.0 } else { 0.0 });
        Reading { value, threshold: 0.0, holds: wrong, clear: wrong.map(|wrong| !wrong), sentence }
    }
}

const fn rule(
    name: AlertName,
    severity: Severity,
    unit: &'static str,
    setting: Option<&'static str>,
    read: fn(&Facts) -> Reading,
) -> Rule {
    Rule { name, severity, unit, setting, read }
}

use AlertName::{
    BooksOutOfBalance, ClockSkew, Cpu, DeadLetters, Disk, ErrorRate, JobsMissing, Lag, LaneWithoutConsumer,
    LedgerAway, Memory, PoolExhausted, QueueAway, QueuePolicy, ReplicaLost, ResponseTime, Standstill,
    WeakDurability, WebhookDisabled,
};
use Severity::{Critical, Warning};

/// Every rule.
pub(crate) static ALL: [Rule; 19] = [
    rule(BooksOutOfBalance, Critical, "ledgers", None, of_parts::books_out_of_balance),
    rule(LedgerAway, Critical, "ledgers", None, of_parts::ledger_away),
    rule(QueueAway, Critical, "queues", None, of_parts::queue_away),
    rule(QueuePolicy, Critical, "policies", None, of_parts::queue_policy),
    rule(LaneWithoutConsumer, Critical, "lanes", None, of_parts::lane_without_consumer),
    rule(JobsMissing, Critical, "jobs", None, of_parts::jobs_missing),
    rule(Standstill, Critical, "seconds", None, of_load::standstill),
    rule(ReplicaLost, Warning, "replicas", None, of_parts::replica_lost),
    rule(ClockSkew, Warning, "seconds", None, of_parts::clock_skew),
    rule(WeakDurability, Warning, "settings", None, of_parts::weak_durability),
    rule(DeadLetters, Warning, "letters", Some("ALERT_DEAD_LETTERS"), of_parts::dead_letters),
    rule(WebhookDisabled, Warning, "endpoints", None, of_parts::webhook_disabled),
    rule(Lag, Warning, "seconds", Some("ALERT_LAG_SECONDS"), of_load::lag),
    rule(ResponseTime, Warning, "seconds", Some("ALERT_RESPONSE_SECONDS"), of_requests::response_time),
    rule(ErrorRate, Warning, "percent", Some("ALERT_ERROR_PERCENT"), of_requests::error_rate),
    rule(PoolExhausted, Warning, "tasks", None, of_load::pool_exhausted),
    rule(Cpu, Warning, "percent", Some("ALERT_CPU_PERCENT"), of_load::cpu),
    rule(Memory, Warning, "percent", Some("ALERT_MEMORY_PERCENT"), of_load::memory),
    rule(Disk, Warning, "percent", Some("ALERT_DISK_PERCENT"), of_load::disk),
];

#[cfg(test)]
mod tests {
    use super::*;
    use queue::policies::{HarmfulPolicy, Policies};
    use store::ledger::{Durability, durability::Weakness};

    use crate::facts::tests::{backlog, lost_worker, well};
    use crate::views::health::MissingJobs;
    use crate::views::replica::PoolView;

    fn holding(facts: &Facts) -> Vec<AlertName> {
        ALL.iter().filter(|rule| (rule.read)(facts).holds == Some(true)).map(|rule| rule.name).collect()
    }

    #[test]
    fn nothing_holds_in_a_fleet_at_rest_and_what_does_not_move_is_clear() {
        let facts = well();
        assert!(holding(&facts).is_empty());
        for rule in &ALL {
            let reading = (rule.read)(&facts);
            let known = ![Cpu, Memory, Disk, PoolExhausted].contains(&rule.name);
            assert_eq!(reading.clear, known.then_some(true), "{}: {reading:?}", rule.name);
        }
    }

    #[test]
    fn each_fault_has_its_alert() {
        assert_eq!(holding(&lost_worker(4.0, true)), [ReplicaLost]);
        assert_eq!(holding(&lost_worker(90.0, true)), []);
        assert_eq!(holding(&lost_worker(90.0, false)), [LaneWithoutConsumer, ReplicaLost]);
        assert_eq!(holding(&backlog(10_000, 31.0)), [Lag]);
        let mut lost = well();
        lost.reconciliation.missing_jobs = Some(5);
        lost.reconciliation.missing_lanes =
            [(3, 4), (7, 1)].map(|(lane, jobs)| MissingJobs { lane, jobs }).to_vec();
        assert_eq!(holding(&lost), [JobsMissing]);
        let sentence = of_parts::jobs_missing(&lost).sentence;
        assert!(sentence.ends_with("not in the queue; lane 3: 4, lane 7: 1"), "{sentence}");
        let weakness = |value: &str| Weakness {
            setting: "sync_binlog".to_owned(),
            value: value.to_owned(),
            must_be: "1",
            is_as_shipped: false,
        };
        let durability = Durability { weaknesses: vec![weakness("0")], is_weak_allowed: true };
        let weak = Facts { durability: Some(durability.into()), ..well() };
        assert_eq!(holding(&weak), [WeakDurability]);
        assert!(of_parts::weak_durability(&weak).sentence.contains("sync_binlog is 0"));
        let harmful = HarmfulPolicy {
            queue: "tellers.lane.03".to_owned(),
            policies: vec!["ttl".to_owned()],
            setting: "message-ttl=5000".to_owned(),
            harm: "takes jobs",
        };
        let policies = Some(Policies::Harmful(vec![harmful; 2]).into());
        let policed = Facts { policies, ..well() };
        assert_eq!(holding(&policed), [QueuePolicy]);
        let sentence = of_parts::queue_policy(&policed).sentence;
        let told = "message-ttl=5000 of the policy ttl on tellers.lane.03 takes jobs (and 1 more)";
        assert_eq!(sentence, told);
        let unlooked = Some(Policies::NotLookedAt("no answer".to_owned()).into());
        assert_eq!(of_parts::queue_policy(&Facts { policies: unlooked, ..well() }).holds, None);
        let mut ahead = well();
        ahead.replicas[1].clock_ahead_seconds = Some(-90.0);
        assert_eq!(holding(&ahead), [ClockSkew]);
        let sentence = of_parts::clock_skew(&ahead).sentence;
        assert!(sentence.starts_with("the clock of worker-1 is 90 s behind most others"), "{sentence}");
        let stands = Facts { still_seconds: 6.0, ..backlog(10, 6.0) };
        assert_eq!(holding(&stands), [Standstill]);
        let mut letters = well();
        letters.dead_letters = Some(1);
        assert_eq!(holding(&letters), [DeadLetters]);
        let standing = store::webhooks::Standing {
            active: 7,
            disabled: 2,
            disabled_one: Some("1f0c6a2be9d84573".to_owned()),
            ..Default::default()
        };
        let silenced = Facts { webhooks: Some(standing.into()), ..well() };
        assert_eq!(holding(&silenced), [WebhookDisabled]);
        assert!(of_parts::webhook_disabled(&silenced).sentence.contains("1f0c6a2be9d84573"));
        assert_eq!(of_parts::webhook_disabled(&Facts { webhooks: None, ..well() }).holds, None);
        let mut hot = well();
        hot.resources.cpu_percent_max = Some(95.0);
        assert_eq!(holding(&hot), [Cpu]);
        for (pool, what) in [("reads", "connection"), ("cpu", "thread")] {
            let mut busy = well();
            let exhausted =
                PoolView { name: pool.to_owned(), size_max: 2, in_use: 2, waiting: 3, ..PoolView::default() };
            busy.replicas[3].pools = vec![exhausted];
            assert_eq!(holding(&busy), [PoolExhausted]);
            let sentence = of_load::pool_exhausted(&busy).sentence;
            assert_eq!(
                sentence,
                format!("3 tasks of api-0 wait for a {what} of pool {pool}, all 2 of which are in use")
            );
        }
        let blind = Facts { ledger: None, ledger_trouble: Some("gone".to_owned()), ..well() };
        assert_eq!(holding(&blind), [LedgerAway], "books that cannot be read are not out of balance");
    }

    #[test]
    fn prometheus_distinguishes_critical_alerts_from_warnings() {
        let rules = std::fs::read_to_string(root().join("deploy/prometheus/alerts.yml")).unwrap();
        let critical: Vec<_> =
            ALL.iter().filter(|rule| rule.severity == Critical).map(|rule| rule.name.to_string()).collect();
        for (is, severity) in [("=~", "critical"), ("!~", "warning")] {
            let expr = format!("tellers_alert_firing{{alert{is}\"{}\"}}", critical.join("|"));
            let (_, rest) = rules.split_once(&expr).expect(&expr);
            let label = rest.lines().nth(1).unwrap();
            assert!(label.contains(&format!("severity: {severity}")), "{label}");
        }
    }

    fn root() -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn every_rule_has_its_runbook() {
        let root = root();
        for rule in &ALL {
            let path = root.join(rule.name.runbook());
            let page = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            for section in ["## Meaning", "## Check", "## Remedy"] {
                assert!(page.contains(section), "{}: no {section}", rule.name.runbook());
            }
        }
    }
}
