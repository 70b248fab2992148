use super::*;
use crate::bench::floor::Run;
use crate::bench::scenario::Row;

pub(crate) fn figures() -> Figures {
    let run = |connections, per_second| Run { connections, per_second };
    Figures {
        bare_per_second: 8_000.0,
        batches: Rates { accepted_per_second: 9_000.0, posted_per_second: 6_000.0, jobs: 60_000 },
        floor: Some(Floor { best_per_second: 10_000.0, runs: vec![run(1, 9_000.0), run(2, 10_000.0)] }),
        stages: vec![Stage {
            stage: "line",
            what: "waiting",
            of_each: "job",
            count: 10.0,
            mean_ms: 0.25,
            p99_ms: 1.5,
        }],
        cpu: vec![CpuOfLoad {
            load: "single jobs",
            parts: vec![
                CpuOfPart { part: "worker", us_per_job: Some(180.0) },
                CpuOfPart { part: "broker", us_per_job: None },
            ],
        }],
        scenarios: vec![Scenario {
            name: "hot account".to_owned(),
            rows: vec![Row {
                what: "half".to_owned(),
                posted_per_second: Some(5_400.0),
                ratio: Some(0.9),
                latency: None,
            }],
            note: None,
        }],
        ..Figures::default()
    }
}

#[test]
fn end_to_end_is_compared_with_what_the_database_does_alone() {
    let mut figures = figures();
    let ratios = Ratios { batches_of_bare: 0.75, batches_of_floor: Some(0.6), bare_of_floor: Some(0.8) };
    assert_eq!(figures.ratios(), ratios);
    figures.floor = None;
    assert_eq!(figures.ratios().batches_of_floor, None);
}

/// Whoever reads the figures by program finds them where they were.
#[test]
fn the_figures_keep_their_names() {
    let json = figures().as_json(true);
    assert_eq!(json["books_in_order"], true);
    let figures = &json["figures"];
    for pointer in [
        "/bare_per_second",
        "/batches/accepted_per_second",
        "/batches/posted_per_second",
        "/singles/accepted_per_second",
        "/singles/posted_per_second",
        "/latency/offered_per_second",
        "/latency/p50_ms",
        "/latency/p95_ms",
        "/latency/p99_ms",
        "/latency/max_ms",
        "/page_ms/0",
        "/page_ms/1",
        "/resident_mb",
        "/floor/best_per_second",
        "/stages/0/mean_ms",
        "/cpu/0/parts/0/us_per_job",
        "/scenarios/0/rows/0/ratio",
        "/machine/cores",
    ] {
        assert!(figures.pointer(pointer).is_some(), "{pointer} is missing: {figures}");
    }
}
