use std::time::Duration;

use client::Accepted;

use super::*;
use crate::plan::{Plan, Request};
use crate::proof::Proof;
use crate::recorder::{Course, Recorder};
use crate::verdict;

fn report() -> Report {
    let course = Course::start();
    let recorder = Recorder::start(Some(2), &course);
    let id = domain::id::JobId::from_chance(1, [1; 6]);
    let accepted = Accepted { id, accepted_at: jiff::Timestamp::now() };
    recorder.note(0, tokio::time::Instant::now() - Duration::from_millis(20), &Ok(accepted));
    recorder.note_error("rejected/<script>alert(1)</script>");
    let load = recorder.figures();
    let proof = Proof { accounts: 1, findings: vec!["a < b & c".to_owned()], ..Proof::default() };
    Report {
        run: "r1".to_owned(),
        target: "http://\"there\"<b>".to_owned(),
        plan: Plan::of(&Request::default()).unwrap(),
        started_at: jiff::Timestamp::UNIX_EPOCH,
        seconds: 1.5,
        verdict: verdict::judge(&load, None, None, &proof),
        load,
        baseline: None,
        resources: None,
        proof,
        points: course.series().points(),
    }
}

#[test]
fn the_page_needs_nothing_else_and_shows_what_failed() {
    let page = of(&report());
    for outside in ["http-equiv", "src=", "href=", "url(", "@import", "<script"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("<h1 class=\"failed\">Failed</h1>"));
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("@media print"));
    assert_eq!(page.matches("<svg ").count(), 2, "of postings there is nothing to draw");
    assert!(page.contains("Nothing was measured."));
}

#[test]
fn what_came_from_elsewhere_is_text() {
    let page = of(&report());
    assert!(page.contains("rejected/&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("a &lt; b &amp; c"));
    assert!(page.contains("http://&quot;there&quot;&lt;b&gt;"));
}
