//! Many jobs in one request.

use domain::id::{Identity, JobId};
use domain::lane::Lanes;
use domain::text::{Client, Reference};
use queue::PublishError;
use serde_json::{Value, json};

use crate::fakes::Takes;
use crate::harness::{DEPOSIT, World, deposit, lane_of};

const JSON: (&str, &str) = ("content-type", "application/json");
const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

#[tokio::test]
async fn a_bad_line_refuses_only_itself() {
    let world = World::new().await;
    let lines: Vec<Vec<u8>> = vec![
        deposit("a", 1).into(),
        deposit("b", 0).into(),
        b"{\"kind\":\"\xff\"}".to_vec(),
        b"nonsense".to_vec(),
        deposit("c", 3).into(),
    ];
    let array = [b"[".to_vec(), lines.join(&b","[..]), b"]".to_vec()].concat();
    for (content_type, body) in [(NDJSON, lines.join(&b"\n"[..])), (JSON, array)] {
        let answer = world.post_batch(&[content_type], body).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        assert_eq!((&answer.body["accepted"], &answer.body["refused"]), (&json!(2), &json!(3)));
        let results = answer.body["results"].as_array().unwrap();
        let told: Vec<_> =
            results.iter().map(|result| (result["line"].as_u64(), result["status"].as_str())).collect();
        let (queued, refused) = (Some("queued"), Some("refused"));
        assert_eq!(
            told,
            [
                (Some(1), queued),
                (Some(2), refused),
                (Some(3), refused),
                (Some(4), refused),
                (Some(5), queued)
            ]
        );
        assert_eq!(results[1]["error"]["type"], "/problems/invalid-job");
        assert_eq!(results[1]["error"]["errors"][0]["field"], "amount");
        let id: JobId = results[4]["id"].as_str().unwrap().parse().unwrap();
        let on_lane = world.queue.jobs_of(lane_of("c"));
        assert!(on_lane.iter().any(|job| job["id"] == json!(id)), "the good line is on its lane");
    }
}

#[tokio::test]
async fn an_analysis_among_jobs_is_shown_where_it_belongs() {
    let world = World::new().await;
    let lines = [deposit("a", 1), r#"{"kind":"analyse_patterns","account":"a"}"#.to_owned()].join("\n");
    let answer = world.post_batch(&[NDJSON], lines).await;
    assert_eq!((&answer.body["accepted"], &answer.body["refused"]), (&json!(1), &json!(1)), "{answer:?}");
    let error = &answer.body["results"][1]["error"]["errors"][0];
    assert_eq!(error["field"], "kind");
    assert!(error["remedy"].as_str().unwrap().contains("/api/analyses"), "{error}");
}

#[tokio::test]
async fn each_lane_keeps_the_order_of_the_lines() {
    let world = World::new().await;
    let body: Vec<_> = (1..=2_000).map(|n| deposit(&format!("account-{}", n % 37), n)).collect();
    let answer = world.post_batch(&[NDJSON], body.join("\n")).await;
    assert_eq!(answer.body["accepted"], 2_000);
    let results = answer.body["results"].as_array().unwrap();
    assert!(results.iter().zip(1..).all(|(result, line)| result["line"] == line));
    let mut seen = 0;
    for lane in Lanes::DEFAULT.iter() {
        let jobs = world.queue.jobs_of(lane);
        let amounts: Vec<_> = jobs.iter().map(|job| job["body"]["amount"].as_u64().unwrap()).collect();
        assert!(amounts.is_sorted(), "{lane}: {amounts:?}");
        for job in &jobs {
            let line = usize::try_from(job["body"]["amount"].as_u64().unwrap()).unwrap() - 1;
            assert_eq!(results[line]["id"], job["id"], "each line is answered with its own job");
        }
        seen += jobs.len();
    }
    assert_eq!(seen, 2_000);
}

#[tokio::test]
async fn the_form_is_seen_from_the_first_byte_where_the_type_does_not_say() {
    let world = World::new().await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    for headers in [&[][..], &[form]] {
        assert_eq!(world.post_batch(headers, format!(" [{DEPOSIT}]")).await.body["accepted"], 1);
        assert_eq!(world.post_batch(headers, format!("\n{DEPOSIT}\n{DEPOSIT}")).await.body["accepted"], 2);
    }
}

#[tokio::test]
async fn a_byte_order_mark_is_no_part_of_a_batch() {
    let world = World::new().await;
    for headers in [&[][..], &[JSON]] {
        assert_eq!(world.post_batch(headers, format!("\u{FEFF}[{DEPOSIT}]")).await.body["accepted"], 1);
    }
    for headers in [&[][..], &[NDJSON]] {
        let answer = world.post_batch(headers, format!("\u{FEFF}{DEPOSIT}\n{DEPOSIT}")).await;
        assert_eq!(answer.body["accepted"], 2, "{answer:?}");
    }
}

#[tokio::test]
async fn a_line_longer_than_a_job_is_refused_alone_and_in_little_space() {
    let world = World::new().await;
    let long = |bytes: usize| format!(r#"{{"{}":1}}"#, "x".repeat(bytes));
    let lines = [deposit("a", 1), long(60_000), long(1 << 20), deposit("b", 2)];
    for (content_type, body) in [(NDJSON, lines.join("\n")), (JSON, format!("[{}]", lines.join(",")))] {
        let answer = world.post_batch(&[content_type], body).await;
        assert_eq!((answer.status.as_u16(), &answer.body["accepted"]), (202, &json!(2)), "{answer:?}");
        let results = &answer.body["results"];
        assert_eq!(results[1]["error"]["type"], "/problems/invalid-job");
        assert_eq!(results[2]["error"]["type"], "/problems/body-too-large");
        assert!(answer.body.to_string().len() < 4_000, "{answer:?}");
    }
}

#[tokio::test]
async fn a_batch_that_is_none_is_refused_whole() {
    let world = World::new().await;
    for body in ["{}", "[]"] {
        world.post_batch(&[JSON], body).await.assert_problem(422, "invalid-batch");
    }
    for (content_type, body) in [(JSON, ""), (NDJSON, ""), (NDJSON, "\n\n"), (JSON, "[{}")] {
        world.post_batch(&[content_type], body).await.assert_problem(400, "malformed-json");
    }
    let many = format!("{DEPOSIT}\n").repeat(10_001);
    world.post_batch(&[NDJSON], many).await.assert_problem(413, "too-many-jobs");
    assert!(world.queue.jobs().is_empty());
}

#[tokio::test]
async fn ten_thousand_jobs_fit() {
    let world = World::new().await;
    let answer = world.post_batch(&[NDJSON], format!("{DEPOSIT}\n").repeat(10_000)).await;
    assert_eq!((answer.status.as_u16(), &answer.body["accepted"]), (202, &json!(10_000)));
    let ids: std::collections::HashSet<_> =
        world.queue.jobs().iter().map(|job| job["id"].to_string()).collect();
    assert_eq!(ids.len(), 10_000);
}

#[tokio::test]
async fn a_batch_of_bad_lines_only_is_unprocessable() {
    let world = World::new().await;
    let answer = world.post_batch(&[NDJSON], "{}\n{}").await;
    assert_eq!(answer.status, 422);
    assert_eq!((&answer.body["accepted"], &answer.body["refused"]), (&json!(0), &json!(2)));
}

#[tokio::test]
async fn the_same_batch_under_the_same_key_is_the_same_jobs() {
    let world = World::new().await;
    let referenced = DEPOSIT.replace('}', r#","reference":"r-1"}"#);
    let body = format!("{DEPOSIT}\n{referenced}\n{DEPOSIT}");
    let ids = |body: &Value| -> Vec<String> {
        body["results"].as_array().unwrap().iter().map(|result| result["id"].to_string()).collect()
    };
    let key = [NDJSON, ("idempotency-key", "k-1")];
    let first = ids(&world.post_batch(&key, body.clone()).await.body);
    assert_eq!(first, ids(&world.post_batch(&key, body).await.body));
    assert_ne!(first[0], first[2], "each line is a job of its own");
    let client = Client::parse("anonymous").unwrap();
    let reference = Reference::parse("r-1").unwrap();
    assert_eq!(
        first[1],
        json!(JobId::derived(&client, Identity::Reference(&reference))).to_string(),
        "a reference is the line's own key"
    );
}

#[tokio::test]
async fn a_line_under_a_key_is_known_by_what_it_says() {
    let world = World::new().await;
    let key = [NDJSON, ("idempotency-key", "k-1")];
    let line = |amount: u32| DEPOSIT.replace("\"amount\":5", &format!("\"amount\":{amount}"));
    let (one, two, three) = (line(1), line(2), line(3));
    let ids = async |body: String| -> Vec<String> {
        let answer = world.post_batch(&key, body).await;
        let results = answer.body["results"].as_array().unwrap().clone();
        results.iter().map(|result| result["id"].to_string()).collect()
    };
    let first = ids(format!("{one}\n{two}\n{one}")).await;
    assert_ne!(first[0], first[2], "what is said twice is meant twice");
    assert_eq!(ids(format!("\n\n{one}\n{two}\n\n{one}\n")).await, first, "blank lines");
    let turned = ids(format!("{two}\n{one}\n{one}")).await;
    assert_eq!(turned, [first[1].clone(), first[0].clone(), first[2].clone()], "another order");
    let corrected = ids(three).await;
    assert!(!first.contains(&corrected[0]), "a corrected line is another job");
}

#[tokio::test]
async fn lines_that_the_queue_does_not_take_are_refused_lines() {
    let world = World::new().await;
    world.queue.takes.send_replace(Takes::Fails(PublishError::Full { lane: lane_of("alice") }));
    let answer = world.post_batch(&[NDJSON], format!("{DEPOSIT}\nnonsense")).await;
    answer.assert_problem(429, "lane-full");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn one_full_lane_does_not_refuse_the_others() {
    let world = World::new().await;
    world.queue.full.lock().unwrap().insert(lane_of("alice"));
    let other = (0..).map(|n| format!("b-{n}")).find(|name| lane_of(name) != lane_of("alice")).unwrap();
    let answer = world.post_batch(&[NDJSON], format!("{DEPOSIT}\n{}", deposit(&other, 1))).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["accepted"], &answer.body["refused"]),
        (202, &json!(1), &json!(1))
    );
    assert_eq!(answer.body["results"][0]["error"]["type"], "/problems/lane-full");
    assert_eq!(answer.body["results"][1]["status"], "queued");
}
