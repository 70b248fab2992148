use super::*;

/// The replicas have counted so many as accepted, the ledger so many as posted.
fn take(count: &mut Count, accepted: u64, posted: u64, quiet: bool, lost: &[&str]) -> Reconciliation {
    let outcome_counts = OutcomeCounts { posted, ..OutcomeCounts::default() };
    take_all(count, Counts { accepted, ..Counts::default() }, outcome_counts, quiet, lost)
}

fn take_all(
    count: &mut Count,
    counted: Counts,
    outcome_counts: OutcomeCounts,
    quiet: bool,
    lost: &[&str],
) -> Reconciliation {
    let (at, lost) = (Timestamp::now(), lost.to_vec());
    count.take(&Moment {
        at,
        counted,
        outcome_counts: Some(outcome_counts),
        quiet: Some(quiet),
        lost,
        missing: None,
        balanced: Some(true),
    })
}

fn quiet(count: &mut Count, accepted: u64, posted: u64, lost: &[&str]) -> Reconciliation {
    (0..=QUIET_SAMPLES).map(|_| take(count, accepted, posted, true, lost)).last().unwrap()
}

/// From a quiet moment on.
fn closed() -> Count {
    let mut count = Count::from(Timestamp::UNIX_EPOCH);
    assert_eq!(quiet(&mut count, 0, 1_000, &[]).holds, Some(true));
    count
}

#[test]
fn what_was_on_its_way_when_the_monitor_came_is_not_missed() {
    let mut count = Count::from(Timestamp::UNIX_EPOCH);
    // 300 jobs that were accepted before are posted first, after 7,000 of all time.
    assert_eq!(take(&mut count, 100, 7_000, false, &[]).unaccounted, None);
    let settled = quiet(&mut count, 100, 7_400, &[]);
    assert_eq!((settled.unaccounted, settled.holds, settled.accepted), (Some(0), Some(true), 0));
    let later = take(&mut count, 150, 7_410, false, &[]);
    assert_eq!((later.accepted, later.posted, later.in_flight, later.holds), (50, 10, 40, None));
    assert_eq!(quiet(&mut count, 150, 7_450, &[]).holds, Some(true));
}

#[test]
fn a_moments_calm_under_load_closes_nothing_and_the_line_adds_up() {
    let mut count = closed();
    for step in 1..50 {
        // The ledger's word is of now, the report of the ingress a second old.
        let taken = take(&mut count, step * 10, 1_005 + step * 10, true, &[]);
        assert_eq!((taken.unaccounted, taken.accepted, taken.in_flight), (None, taken.posted, 0));
    }
}

#[test]
fn a_job_that_is_nowhere_shows_for_longer_than_an_alert_waits_and_is_then_let_be() {
    let mut count = closed();
    let short = quiet(&mut count, 100, 1_099, &[]);
    assert_eq!((short.unaccounted, short.holds), (Some(1), Some(false)), "{}", short.sentence);
    assert!(short.sentence.contains("; 1 job had been accepted and had no outcome"), "{}", short.sentence);
    let open = (0..200).take_while(|_| take(&mut count, 100, 1_099, true, &[]).holds == Some(false)).count();
    assert!((60..120).contains(&open), "{open}");
    let anew = quiet(&mut count, 130, 1_129, &[]);
    assert_eq!((anew.accepted, anew.posted, anew.holds), (30, 30, Some(true)));
    assert!(anew.sentence.contains("counted anew since 1 job had been accepted"), "{}", anew.sentence);
}

#[test]
fn a_gap_that_a_load_interrupts_is_let_be_too() {
    let mut count = closed();
    let mut accepted = 100;
    let holds = (0..60).any(|_| {
        accepted += 10;
        take(&mut count, accepted, 999 + accepted, false, &[]);
        quiet(&mut count, accepted, 999 + accepted, &[]).holds == Some(true)
            || take(&mut count, accepted, 999 + accepted, true, &[]).holds == Some(true)
    });
    assert!(holds, "it never holds again");
}

#[test]
fn a_killed_worker_takes_nothing_with_it_and_a_killed_ingress_is_reported_once() {
    let mut count = closed();
    take(&mut count, 50, 1_020, false, &["worker-1"]);
    assert_eq!(quiet(&mut count, 100, 1_100, &["worker-1"]).holds, Some(true), "the ledger knows");

    // 7 jobs were accepted by one that could not report them any more.
    let lost = ["api-1", "worker-1"];
    let unsure = quiet(&mut count, 150, 1_157, &lost);
    assert_eq!((unsure.unaccounted, unsure.holds), (Some(-7), None));
    assert!(unsure.sentence.contains("7 jobs had been accepted as api-1 was lost"), "{}", unsure.sentence);
    let open = (0..200).take_while(|_| take(&mut count, 150, 1_157, true, &lost).holds.is_none()).count();
    assert!(open < 55, "an alert that waits for a minute would fire: {open}");
    let anew = take(&mut count, 150, 1_157, true, &lost);
    assert_eq!((anew.holds, anew.unaccounted), (Some(true), Some(0)));

    // That it is still shown as lost explains nothing that comes later.
    assert_eq!(quiet(&mut count, 160, 1_166, &lost).holds, Some(false));
}

#[test]
fn a_replay_is_no_job_more() {
    let mut count = Count::from(Timestamp::UNIX_EPOCH);
    let sample = |count: &mut Count, accepted: u64, posted: u64, dead: u64| {
        let outcome_counts = OutcomeCounts { posted, dead, ..OutcomeCounts::default() };
        let counted = Counts { accepted, repeated: 9, ..Counts::default() };
        (0..=QUIET_SAMPLES).map(|_| take_all(count, counted, outcome_counts, true, &[])).last().unwrap()
    };
    assert_eq!(sample(&mut count, 0, 10, 3).holds, Some(true));
    let died = sample(&mut count, 5, 13, 5);
    assert_eq!((died.holds, died.posted, died.dead), (Some(true), 3, 2));
    // All five that are dead are replayed and posted; three of them died before the count.
    let replayed = sample(&mut count, 5, 18, 0);
    assert_eq!((replayed.holds, replayed.posted, replayed.dead), (Some(true), 5, 0));
}

#[test]
fn a_scheduled_job_that_is_executed_is_no_job_more() {
    let mut count = Count::from(Timestamp::UNIX_EPOCH);
    let sample = |count: &mut Count, accepted: u64, posted: u64, rejected: u64, scheduled: u64| {
        let outcome_counts = OutcomeCounts { posted, rejected, scheduled, ..OutcomeCounts::default() };
        let counted = Counts { accepted, ..Counts::default() };
        (0..=QUIET_SAMPLES).map(|_| take_all(count, counted, outcome_counts, true, &[])).last().unwrap()
    };
    assert_eq!(sample(&mut count, 0, 10, 0, 3).holds, Some(true));
    let waits = sample(&mut count, 4, 11, 0, 6);
    assert_eq!((waits.holds, waits.posted, waits.scheduled), (Some(true), 1, 3));
    assert!(
        waits.sentence.contains("4 accepted = 1 posted + 0 rejected + 0 dead + 3 scheduled"),
        "{}",
        waits.sentence
    );
    // All six are executed, and one of them is rejected; three had been accepted before the count.
    let executed = sample(&mut count, 4, 16, 1, 0);
    assert_eq!((executed.holds, executed.posted + executed.rejected, executed.scheduled), (Some(true), 4, 0));
}

#[test]
fn without_the_ledger_nothing_is_closed_and_nothing_forgotten() {
    let mut count = closed();
    take(&mut count, 40, 1_030, false, &[]);
    for _ in 0..20 {
        let counted = Counts { accepted: 50, ..Counts::default() };
        let (at, lost, missing) = (Timestamp::now(), Vec::new(), None);
        let blind = count.take(&Moment {
            at,
            counted,
            outcome_counts: None,
            quiet: Some(true),
            lost,
            missing,
            balanced: None,
        });
        assert_eq!((blind.accepted, blind.posted, blind.in_flight, blind.holds), (50, 30, 20, None));
    }
    assert_eq!(quiet(&mut count, 50, 1_050, &[]).holds, Some(true));
}
