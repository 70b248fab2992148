use super::*;

#[test]
fn the_wire_forms_hold_still() {
    let presence = r#"{"replica":"worker-1","lanes":[0,15],"leaving":false}"#;
    let read: Presence = serde_json::from_str(presence).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), presence);

    let report = concat!(
        r#"{"role":"worker","replica":"worker-1","version":"0.1.0","host":"h","started_at":1,"reported_at":2,"#,
        r#""trouble":null,"trouble_kind":"other","counts":{"accepted":0,"refused":0,"published_jobs":0,"published_messages":0,"posted":3,"#,
        r#""rejected":0,"duplicate":0,"conflict":0,"dead":0,"cancelled":0,"scheduled":0,"repeated":0},"#,
        r#""lane_counts":{"1":{"accepted":2,"unrecorded":5}},"lanes":[{"lane":1,"oldest_accepted_at":null,"messages_in_hand":3,"#,
        r#""jobs_in_hand":70}],"#,
        r#""leaving":false,"process_id":7,"address":"h:9100","settings_version":4,"errors":{"posting/deadlock":2},"#,
        r#""requests":9,"requests_failed":1,"histograms":{"batch_jobs":"AA"},"resources":{"cpu_cores":0.5,"cores":2.0,"#,
        r#""host_cpu_percent":25.0,"memory_bytes":3,"memory_limit_bytes":4,"host_memory_percent":50.0,"#,
        r#""disk_used_bytes":5,"disk_total_bytes":6,"open_files":null,"open_files_limit":1024},"#,
        r#""pools":[{"name":"primary","size_max":150,"idle":1,"in_use":2,"waiting":3,"timeouts":4}],"#,
        r#""settings":{"LINGER_MS":{"value":20,"source":"runtime"}}}"#,
    );
    let read: Report = serde_json::from_str(report).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), report);
    let tls = report.replace(r#""h:9100","#, r#""h:9100","tls":true,"#);
    assert!(serde_json::from_str::<Report>(&tls).unwrap().tls && !read.tls);
}

#[test]
fn an_older_report_reads_with_what_is_new_missing() {
    let older =
        r#"{"role":"api","replica":"a","version":"0","host":"h","started_at":1,"reported_at":2,"counts":{}}"#;
    let read: Report = serde_json::from_str(older).expect("fields may be added, so they may be absent");
    assert_eq!(read.resources, None, "what is not told is not zero");
    assert_eq!((read.address, read.lane_counts), (None, None));
    assert_eq!(read.trouble_kind, TroubleKind::Other);
    let lane: LaneReport = serde_json::from_str(r#"{"lane":1,"oldest_accepted_at":null}"#).unwrap();
    assert_eq!((lane.messages_in_hand, lane.jobs_in_hand), (None, None));
    assert!(read.histograms.is_empty() && read.pools.is_empty() && read.settings.is_empty());
}

#[test]
fn a_newer_report_reads_without_the_histograms_that_are_not_known() {
    let newer = concat!(
        r#"{"role":"api","replica":"a","version":"9","host":"h","started_at":1,"reported_at":2,"counts":{},"#,
        r#""trouble":"t","trouble_kind":"of_a_later_version","histograms":{"of_a_later_version":"AA","posting":"AAAA"},"what_else":[1]}"#,
    );
    let read: Report = serde_json::from_str(newer).unwrap();
    assert_eq!(read.histograms.keys().collect::<Vec<_>>(), [&HistogramName::Posting]);
    assert_eq!((read.trouble.as_deref(), read.trouble_kind), (Some("t"), TroubleKind::Other));
}

#[test]
fn every_name_of_a_histogram_is_its_wire_form() {
    for name in HistogramName::ALL.iter().copied() {
        assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
    }
}

#[test]
fn a_histogram_crosses_the_wire_whole() {
    let mut sent = new_histogram();
    for micros in [0, 1, 150, 150, 2_300_000, 3_600_000_000, u64::MAX] {
        sent.saturating_record(micros);
    }
    let wire = HistogramWire::from_histogram(&sent).unwrap();
    let json = serde_json::to_string(&wire).unwrap();
    assert!(json.len() < 100, "a few values are a few bytes: {json}");

    let read = serde_json::from_str::<HistogramWire>(&json).unwrap().to_histogram().unwrap();
    assert_eq!(read, sent);
    let mut merged = new_histogram();
    merged.add(&read).expect("all replicas keep them within the same bounds");
    assert_eq!(merged.len(), 7);
}

#[test]
fn what_is_no_histogram_says_so() {
    for nonsense in ["\"\"", "\"not base64!\"", "\"AAAA\"", &format!("\"{}\"", "A".repeat(200_000))] {
        let wire: HistogramWire = serde_json::from_str(nonsense).unwrap();
        let failure = wire.to_histogram().expect_err(&nonsense[..nonsense.len().min(20)]);
        assert!(!failure.to_string().is_empty());
    }
}

#[test]
fn a_histogram_of_other_bounds_is_refused() {
    let mut foreign = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 10, 2).unwrap();
    foreign.saturating_record(3);
    let wire = HistogramWire::from_histogram(&foreign).unwrap();
    assert!(matches!(wire.to_histogram(), Err(HistogramError::Bounds { .. })));
}
