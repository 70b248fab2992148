use std::collections::BTreeMap;

use super::*;
use crate::figures::Times;

fn figures(users: u32, per_second: f64, p95_seconds: f64) -> Figures {
    let times = Times {
        count: 100,
        min_seconds: 0.001,
        avg_seconds: p95_seconds,
        p50_seconds: p95_seconds,
        p95_seconds,
        p99_seconds: p95_seconds,
        max_seconds: p95_seconds,
    };
    Figures {
        users: Some(users),
        requests: 100,
        accepted: 100,
        posted: 100,
        success_percent: 100.0,
        seconds: 1.0,
        accepted_per_second: per_second,
        posted_per_second: Some(per_second),
        response: Some(times),
        accepted_to_posted: Some(times),
        errors: BTreeMap::new(),
    }
}

fn proven() -> Proof {
    Proof { accounts: 2, accounts_read: 2, money_given: 10, money_found: Some(10), ..Proof::default() }
}

fn resources(cpu: f64, memory: f64) -> Resources {
    Resources {
        cpu_percent_max: cpu,
        cpu_replica: "api-1".to_owned(),
        memory_percent_max: memory,
        memory_replica: "worker-1".to_owned(),
        host_cpu_percent_avg: Some(97.0),
        host_memory_percent_avg: Some(60.0),
    }
}

#[track_caller]
fn assert_fails(verdict: &Verdict, name: CriterionName) {
    let failed: Vec<_> =
        verdict.criteria.iter().filter(|c| c.passed == Some(false)).map(|c| c.name).collect();
    assert_eq!(failed, [name], "{verdict:?}");
    assert!(!verdict.passed && verdict.sentence.starts_with("failed: "), "{}", verdict.sentence);
}

#[test]
fn what_meets_every_criterion_passes() {
    let (loaded, baseline) = (figures(100, 500.0, 0.005), figures(10, 50.0, 0.004));
    let verdict = judge(&loaded, Some(&baseline), Some(&resources(40.0, 20.0)), &proven());
    assert!(verdict.passed, "{verdict:?}");
    assert_eq!(verdict.criteria.len(), 7);
    assert!(verdict.criteria.iter().all(|criterion| criterion.passed == Some(true)));
    assert!(verdict.sentence.starts_with("passed: 100 of 100"), "{}", verdict.sentence);
    assert!(!verdict.sentence.contains("not judged"), "{}", verdict.sentence);
    let resources = &verdict.criteria[3];
    assert!(resources.sentence.contains("CPU was 97 % busy on average"), "{}", resources.sentence);
}

#[test]
fn a_baseline_that_fails_is_none() {
    let (loaded, good) = (figures(100, 500.0, 0.005), figures(10, 50.0, 0.004));
    let baseline = Figures { posted: 90, success_percent: 90.0, ..good };
    let verdict = judge(&loaded, Some(&baseline), None, &proven());
    assert_fails(&verdict, CriterionName::Success);
    assert!(verdict.sentence.contains("90 of 100 requests of the baseline"), "{}", verdict.sentence);
}

#[test]
fn what_was_not_measured_is_not_judged() {
    let verdict = judge(&figures(20, 100.0, 0.01), None, None, &proven());
    assert!(verdict.passed);
    let missing: Vec<_> = verdict.criteria.iter().filter(|c| c.passed.is_none()).map(|c| c.name).collect();
    assert_eq!(missing, [CriterionName::Degradation, CriterionName::Resources]);
    assert!(verdict.criteria.iter().all(|c| c.measured.is_some() == c.passed.is_some()));
    // What was missed is said; that there is no baseline is no news.
    assert!(
        verdict.sentence.ends_with(
            "; not judged: no replica reported its CPU and memory; name the monitor, or start the load test there"
        ),
        "{}",
        verdict.sentence
    );
}

#[test]
fn each_limit_itself_fails() {
    let good = figures(20, 100.0, 0.01);
    let few = Figures { posted: 95, success_percent: 95.0, ..good.clone() };
    assert_fails(&judge(&few, None, None, &proven()), CriterionName::Success);
    assert_fails(&judge(&figures(20, 100.0, 2.5), None, None, &proven()), CriterionName::Response);
    for used in [resources(85.0, 0.0), resources(0.0, 85.0)] {
        assert_fails(&judge(&good, None, Some(&used), &proven()), CriterionName::Resources);
    }
    let (half, baseline) = (figures(100, 250.0, 0.01), figures(10, 50.0, 0.01));
    let verdict = judge(&half, Some(&baseline), None, &proven());
    assert_fails(&verdict, CriterionName::Degradation);
    assert_eq!(verdict.criteria[2].measured, Some(50.0));
}

#[test]
fn what_is_accepted_and_not_posted_degrades_too() {
    let mut loaded = figures(100, 500.0, 0.01);
    loaded.posted_per_second = Some(100.0);
    let verdict = judge(&loaded, Some(&figures(10, 50.0, 0.01)), None, &proven());
    assert_fails(&verdict, CriterionName::Degradation);
    loaded.posted_per_second = None;
    let verdict = judge(&loaded, Some(&figures(10, 50.0, 0.01)), None, &proven());
    assert_eq!(verdict.criteria[2].measured, Some(100.0), "nothing posted is all of it missing");
}

#[test]
fn a_proof_with_a_hole_fails() {
    let good = figures(20, 100.0, 0.01);
    let cases = [
        (Proof { lost: 1, ..proven() }, CriterionName::NothingLost),
        (Proof { doubled: 1, ..proven() }, CriterionName::NothingDoubled),
        (Proof { accounts_off: 1, ..proven() }, CriterionName::BooksBalance),
        (Proof { foreign_entries: 1, ..proven() }, CriterionName::BooksBalance),
        (Proof { money_found: Some(11), ..proven() }, CriterionName::BooksBalance),
    ];
    for (proof, name) in cases {
        assert!(!proof.holds());
        assert_fails(&judge(&good, None, None, &proof), name);
    }
}

#[test]
fn accounts_that_could_not_be_read_prove_nothing() {
    let proof = Proof { accounts_read: 0, money_found: None, ..proven() };
    let verdict = judge(&figures(20, 100.0, 0.01), None, None, &proof);
    let of = |name| verdict.criteria.iter().find(|criterion| criterion.name == name).unwrap();
    for name in [CriterionName::NothingDoubled, CriterionName::BooksBalance] {
        assert_eq!((of(name).measured, of(name).passed), (None, Some(false)), "{name:?}");
    }
}
