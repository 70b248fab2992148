//! Bodies of requests: packed, broken, no jobs, and waited for.

use serde_json::{Value, json};
use tests::client::Answer;

use super::bank::{Bank, at_the_bank, deposit, gzip, with_an_account};

const JOBS: &str = "/api/jobs";
const BATCH: &str = "/api/jobs/batch";
const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

async fn coded(bank: &Bank, path: &str, media_type: &str, coding: &str, body: impl Into<Vec<u8>>) -> Answer {
    let headers = [("content-type", media_type), ("content-encoding", coding)];
    bank.client.post_with(path, &headers, body.into()).await.unwrap()
}

/// Waits until an account has so many entries: what was accepted is posted.
async fn posted(bank: &Bank, answer: &Answer) {
    let document: Value = answer.json().unwrap();
    let results = document["results"].as_array().cloned().unwrap_or_else(|| vec![document]);
    for id in results.iter().filter_map(|result| result["id"].as_str()) {
        assert_eq!(bank.view(id).await["status"], "posted");
    }
}

#[test]
fn a_packed_batch_is_taken() {
    with_an_account(async |bank, account| {
        let answer = coded(bank, BATCH, NDJSON, "gzip", gzip(format!("{}\n", deposit(&account, 1)), 0)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        posted(bank, &answer).await;
        assert_eq!(bank.amounts(&account).await, [1]);
    });
}

#[test]
fn packed_bodies_are_taken_wherever_jobs_are() {
    with_an_account(async |bank, account| {
        let job = deposit(&account, 1).to_string();
        let requests = [
            (JOBS, JSON, "gzip", gzip(&job, 0)),
            (JOBS, JSON, "GZIP", gzip(&job, 1)),
            (JOBS, JSON, "identity", job.clone().into_bytes()),
            (BATCH, JSON, "gzip", gzip(format!("[{job}]"), 2)),
            (BATCH, NDJSON, "gzip", [gzip(format!("{job}\n"), 3), gzip(format!("{job}\n"), 4)].concat()),
        ];
        for (path, media_type, coding, body) in requests {
            let answer = coded(bank, path, media_type, coding, body).await;
            assert_eq!(answer.status, 202, "{path}, {coding}: {answer:?}");
            posted(bank, &answer).await;
        }
        assert_eq!(bank.amounts(&account).await, [1; 6]);
    });
}

#[test]
fn a_damaged_packing_is_refused_and_nothing_of_it_is_taken() {
    with_an_account(async |bank, account| {
        let line = format!("{}\n", deposit(&account, 1));
        let whole = gzip(line.repeat(50), 0);
        let mut flipped = whole.clone();
        let last = flipped.len() - 6;
        flipped[last] ^= 0xff;
        for (how, body) in [
            ("cut off", whole[..whole.len() - 9].to_vec()),
            ("another sum", flipped),
            ("not packed at all", line.clone().into_bytes()),
            ("rubbish behind", [whole.clone(), b"rubbish".to_vec()].concat()),
            ("empty", Vec::new()),
        ] {
            for (path, media_type) in [(BATCH, NDJSON), (JOBS, JSON)] {
                let answer = coded(bank, path, media_type, "gzip", body.clone()).await;
                assert!([400, 422].contains(&answer.status.as_u16()), "{how}, {path}: {answer:?}");
                assert!(answer.header("content-type").starts_with("application/problem+json"), "{answer:?}");
            }
        }
        bank.job(&deposit(&account, 7)).await;
        assert_eq!(bank.amounts(&account).await, [7]);
    });
}

#[test]
fn a_body_that_unfolds_to_more_than_a_job_may_have_is_refused() {
    with_an_account(async |bank, account| {
        let large = format!("{}{}", deposit(&account, 1), " ".repeat(100 << 20));
        for (path, media_type) in [(JOBS, JSON), (BATCH, NDJSON)] {
            let answer = coded(bank, path, media_type, "gzip", gzip(&large, 0)).await;
            assert_eq!(answer.status, 413, "{path}: {answer:?}");
        }
        assert_eq!(bank.amounts(&account).await, [0; 0]);
    });
}

#[test]
fn an_unknown_coding_is_refused_with_those_that_are_taken() {
    with_an_account(async |bank, account| {
        let job = deposit(&account, 1).to_string();
        for coding in ["br", "zstd", "compress", "gzip, br", "x-unknown"] {
            for (path, media_type) in [(JOBS, JSON), (BATCH, NDJSON)] {
                let answer = coded(bank, path, media_type, coding, job.clone()).await;
                assert_eq!(answer.status, 415, "{coding}, {path}: {answer:?}");
                let accepted = answer.header("accept-encoding");
                assert!(accepted.contains("gzip"), "{coding}, {path}: {answer:?}");
            }
        }
        assert_eq!(bank.amounts(&account).await, [0; 0]);
    });
}

/// Bodies that are no JSON.
fn broken(account: &str) -> Vec<Vec<u8>> {
    let job = deposit(account, 1).to_string();
    let mut foreign = job.clone().into_bytes();
    foreign[3] = 0xff;
    vec![
        b"{\"kind\": \"tra".to_vec(),
        job[..job.len() - 1].into(),
        format!("{job}}}").into(),
        job.replace('"', "'").into(),
        job.replace(":1", ":NaN").into(),
        job.replace(":1", ":01").into(),
        job.replace('}', ",}").into(),
        format!("{job} {job}").into(),
        foreign,
        b"not json".to_vec(),
    ]
}

/// Bodies that are JSON and no job.
fn no_jobs(account: &str) -> Vec<String> {
    let job = deposit(account, 1);
    let with = |name: &str, value: Value| {
        let mut job = job.clone();
        job[name] = value;
        job.to_string()
    };
    vec![
        "{}".to_owned(),
        "null".to_owned(),
        "7".to_owned(),
        "\"deposit\"".to_owned(),
        "true".to_owned(),
        with("kind", json!("gift")),
        with("amount", json!("1")),
        with("amount", json!(1.5)),
        with("amount", json!(1e300)),
        with("amount", Value::Null),
        with("colour", json!("red")),
    ]
}

#[test]
fn broken_json_is_400_and_a_sound_body_that_is_no_job_422() {
    with_an_account(async |bank, account| {
        for body in broken(&account) {
            let said = String::from_utf8_lossy(&body).into_owned();
            let answer = bank.client.post(JOBS, JSON, body).await.unwrap();
            assert_eq!(answer.status, 400, "{said}: {answer:?}");
            assert!(answer.header("content-type").starts_with("application/problem+json"), "{answer:?}");
        }
        for body in no_jobs(&account) {
            let answer = bank.client.post(JOBS, JSON, body.clone()).await.unwrap();
            assert_eq!(answer.status, 422, "{body}: {answer:?}");
        }
        let array = bank.client.post(JOBS, JSON, format!("[{}]", deposit(&account, 1))).await.unwrap();
        assert_eq!(array.status, 422, "{array:?}");
        assert_eq!(bank.amounts(&account).await, [0; 0]);
    });
}

#[test]
fn lines_of_a_batch_are_answered_the_same() {
    with_an_account(async |bank, account| {
        let lines = |bodies: Vec<Vec<u8>>| {
            bodies.into_iter().flat_map(|body| [body, b"\n".to_vec()].concat()).collect::<Vec<_>>()
        };
        let sound = no_jobs(&account).into_iter().map(String::into_bytes).collect();
        for (bodies, status) in [(broken(&account), 400), (sound, 422)] {
            let count = bodies.len();
            let good = format!("{}\n", deposit(&account, i64::from(status))).into_bytes();
            let answer = bank.client.post(BATCH, NDJSON, [lines(bodies), good].concat()).await.unwrap();
            let batch: tests::client::BatchAnswer = answer.json().unwrap();
            assert_eq!((batch.accepted, batch.refused), (1, count), "{answer:?}");
            for result in &batch.results[..count] {
                assert_eq!(result.error.as_ref().unwrap()["status"], status, "{result:?}");
            }
            posted(bank, &answer).await;
        }
        assert_eq!(bank.amounts(&account).await, [400, 422]);
    });
}

#[test]
fn a_batch_as_an_array_is_answered_the_same() {
    with_an_account(async |bank, account| {
        let job = deposit(&account, 1).to_string();
        for body in [format!("[{job}"), format!("[{job}]]"), "[".to_owned()] {
            let answer = bank.client.post(BATCH, JSON, body.clone()).await.unwrap();
            assert_eq!(answer.status, 400, "{body}: {answer:?}");
        }
        for body in ["null", "7", "\"a\""] {
            let answer = bank.client.post(BATCH, JSON, body).await.unwrap();
            assert_eq!(answer.status, 422, "{body}: {answer:?}");
        }
        assert_eq!(bank.amounts(&account).await, [0; 0]);
        // One that is broken between its jobs is refused, or what is broken in it is.
        for body in [format!("[{job},]"), format!("[{job} {job}]"), format!("[{job},,{job}]")] {
            let answer = bank.client.post(BATCH, JSON, body.clone()).await.unwrap();
            let document: Value = answer.json().unwrap();
            let results = document["results"].as_array().cloned().unwrap_or_default();
            let refused = results.iter().any(|result| result["error"]["status"] == 400);
            assert!(answer.status == 400 || refused, "{body}: {answer:?}");
        }
    });
}

#[test]
fn other_bodies_of_json_are_answered_the_same() {
    at_the_bank(async |bank| {
        for path in ["/api/analyses"] {
            let broken = bank.client.post(path, JSON, "{\"accounts\": [").await.unwrap();
            assert_eq!(broken.status, 400, "{path}: {broken:?}");
            let sound = bank.client.post(path, JSON, "{\"accounts\": 7}").await.unwrap();
            assert_eq!(sound.status, 422, "{path}: {sound:?}");
        }
    });
}

#[test]
fn a_name_that_comes_twice_in_a_body_is_no_job() {
    with_an_account(async |bank, account| {
        let job = deposit(&account, 1).to_string().replace("\"amount\":1", "\"amount\":1,\"amount\":2");
        let answer = bank.client.post(JOBS, JSON, job).await.unwrap();
        assert!([400, 422].contains(&answer.status.as_u16()), "{answer:?}");
        assert_eq!(bank.amounts(&account).await, [0; 0]);
    });
}

#[test]
fn a_batch_can_be_waited_for_or_says_that_it_cannot() {
    with_an_account(async |bank, account| {
        let poor = json!({"kind": "transfer", "from": account, "to": format!("none-{account}"), "amount": 1, "currency": "EUR"});
        let lines = format!("{}\n{}\n{poor}\n", deposit(&account, 5), deposit(&account, -1));
        for (path, headers) in [
            (BATCH.to_owned(), &[("content-type", NDJSON), ("prefer", "wait=20")][..]),
            (format!("{BATCH}?wait=20"), &[("content-type", NDJSON)]),
        ] {
            let answer = bank.client.post_with(&path, headers, lines.clone()).await.unwrap();
            if answer.status == 400 {
                assert!(answer.body.to_lowercase().contains("wait"), "{answer:?}");
                continue;
            }
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            let batch: Value = answer.json().unwrap();
            let statuses: Vec<_> =
                batch["results"].as_array().unwrap().iter().map(|result| &result["status"]).collect();
            assert_eq!(statuses, ["posted", "refused", "rejected"], "{path}: {answer:?}");
        }
    });
}
