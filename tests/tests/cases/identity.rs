//! One payment is one job however it is sent, and two payments are two.

use serde_json::{Value, json};

use super::bank::{Bank, at_the_bank, deposit, gzip, with_an_account};

fn with_reference(mut job: Value, reference: &str) -> Value {
    job["reference"] = json!(reference);
    job
}

/// The status of an answer and the id of the job in it.
fn answered(answer: &tests::client::Answer) -> (u16, Value) {
    (answer.status.as_u16(), answer.json::<Value>().unwrap()["id"].clone())
}

#[test]
fn a_retry_with_the_same_reference_and_a_fresh_key_posts_once() {
    at_the_bank(async |bank| {
        let (payer, payee) = (bank.account("EUR").await, bank.account("EUR").await);
        bank.job(&deposit(&payer, 30_000)).await;
        let job = json!({"kind": "transfer", "from": payer, "to": payee, "amount": 4_000, "currency": "EUR",
                         "reference": format!("inv-{payer}")});
        let first = bank.job_under(&[("idempotency-key", "k1")], &job).await;
        assert_eq!(answered(&first).0, 200, "{first:?}");
        for headers in [&[("idempotency-key", "k2")][..], &[("idempotency-key", "\"k3\"")], &[]] {
            let again = bank.job_under(headers, &job).await;
            let (status, id) = answered(&again);
            assert!([200, 409, 422].contains(&status), "{again:?}");
            assert!(status != 200 || id == answered(&first).1, "{again:?}");
        }
        assert_eq!(bank.balance(&payee).await, 4_000);
    });
}

#[test]
fn one_reference_is_one_job_alone_in_a_batch_and_in_files() {
    with_an_account(async |bank, account| {
        let reference = format!("everywhere-{account}");
        let job = with_reference(deposit(&account, 500), &reference);
        let csv = format!("kind,account,amount,currency,reference\ndeposit,{account},5.00,EUR,{reference}\n");
        let ndjson = "application/x-ndjson";
        assert_eq!(bank.import(&csv, "text/csv", &[]).await["posted"], 1);
        let single = bank.job_under(&[("idempotency-key", "any")], &job).await;
        assert_eq!(answered(&single).0, 200, "{single:?}");
        let batch = bank.batch(&[("idempotency-key", "batch")], &format!("{job}\n")).await;
        assert_eq!(batch.results[0].id.as_deref(), answered(&single).1.as_str(), "{batch:?}");
        assert_eq!(bank.import(format!("{job}\n"), ndjson, &[]).await["duplicates"], 1);
        let array = bank
            .client
            .post_with("/api/jobs/batch", &[("content-type", "application/json")], format!("[{job}]"))
            .await
            .unwrap();
        assert!(array.body.contains(answered(&single).1.as_str().unwrap()), "{array:?}");
        assert_eq!(bank.amounts(&account).await, [500]);
    });
}

#[test]
fn a_key_in_quotes_and_bare_is_one_key() {
    with_an_account(async |bank, account| {
        let job = deposit(&account, 100);
        let bare = format!("k9-{account}");
        let quoted = format!("\"{bare}\"");
        let first = bank.job_under(&[("idempotency-key", &quoted)], &job).await;
        let second = bank.job_under(&[("idempotency-key", &bare)], &job).await;
        assert_eq!(answered(&first), answered(&second));
        assert_eq!(bank.amounts(&account).await, [100]);
        // In a batch as well.
        let line = format!("{}\n", deposit(&account, 7));
        for key in [&bare, &quoted] {
            bank.batch(&[("idempotency-key", key)], &line).await;
        }
        assert_eq!(bank.amounts(&account).await, [100, 7]);
    });
}

#[test]
fn an_empty_key_is_refused() {
    with_an_account(async |bank, account| {
        let job = deposit(&account, 100);
        for key in ["", "\"\"", "\"  \"", " ", "\"\";v=1"] {
            let answer = bank.send(&[("idempotency-key", key)], &job).await;
            let problem: Value = answer.json().unwrap();
            assert_eq!(answer.status, 400, "{key:?}: {answer:?}");
            assert!(problem.to_string().contains("Idempotency-Key"), "{key:?}: {answer:?}");
            let headers = [("content-type", "application/x-ndjson"), ("idempotency-key", key)];
            let answer =
                bank.client.post_with("/api/jobs/batch", &headers, format!("{job}\n")).await.unwrap();
            assert_eq!(answer.status, 400, "{key:?}: {answer:?}");
        }
        assert_eq!(bank.amounts(&account).await, [0; 0]);
    });
}

#[test]
fn parameters_behind_a_quoted_key_are_no_part_of_it() {
    with_an_account(async |bank, account| {
        let job = deposit(&account, 100);
        let key = format!("p-{account}");
        for key in
            [key.clone(), format!("\"{key}\";v=1"), format!("\"{key}\"; a=\"b\""), format!("  \"{key}\"  ")]
        {
            let answer = bank.job_under(&[("idempotency-key", &key)], &job).await;
            assert!([200, 400].contains(&answer.status.as_u16()), "{key}: {answer:?}");
        }
        assert_eq!(bank.amounts(&account).await, [100]);
    });
}

#[test]
fn the_key_of_one_job_is_not_the_reference_of_another() {
    with_an_account(async |bank, account| {
        let name = format!("INV-9-{account}");
        let by_key = bank.job_under(&[("idempotency-key", &name)], &deposit(&account, 100)).await;
        let by_reference = bank.job(&with_reference(deposit(&account, 700), &name)).await;
        assert_eq!((answered(&by_key).0, answered(&by_reference).0), (200, 200), "{by_reference:?}");
        assert_ne!(answered(&by_key).1, answered(&by_reference).1);
        assert_eq!(bank.balance(&account).await, 800);
    });
}

#[test]
fn keys_and_references_are_two_sets_of_names_in_batches_and_files_too() {
    with_an_account(async |bank, account| {
        let name = |of: &str| format!("{of}-{account}");
        for of in ["batch", "csv", "ndjson", "behind"] {
            bank.job_under(&[("idempotency-key", &name(of))], &deposit(&account, 1)).await;
        }
        let line = |of: &str| format!("{}\n", with_reference(deposit(&account, 10), &name(of)));
        assert_eq!(bank.batch(&[], &line("batch")).await.accepted, 1);
        let csv =
            format!("kind,account,amount,currency,reference\ndeposit,{account},0.10,EUR,{}\n", name("csv"));
        assert_eq!(bank.import(csv, "text/csv", &[]).await["posted"], 1);
        assert_eq!(bank.import(line("ndjson"), "application/x-ndjson", &[]).await["posted"], 1);
        // The other way round: a reference that was there first.
        bank.job(&with_reference(deposit(&account, 100), &name("first"))).await;
        bank.job_under(&[("idempotency-key", &name("first"))], &deposit(&account, 1_000)).await;
        // The key of a batch is none of a single job's.
        bank.batch(&[("idempotency-key", &name("behind"))], &format!("{}\n", deposit(&account, 10_000)))
            .await;
        assert_eq!(bank.balance(&account).await, 4 + 30 + 100 + 1_000 + 10_000);
    });
}

#[test]
fn jobs_without_a_name_are_as_many_as_are_sent() {
    with_an_account(async |bank, account| {
        let job = deposit(&account, 100);
        for _ in 0..2 {
            bank.job(&job).await;
        }
        bank.batch(&[], &format!("{job}\n{job}\n")).await;
        assert_eq!(bank.amounts(&account).await, [100; 4]);
    });
}

#[test]
fn a_packed_job_is_the_same_job() {
    with_an_account(async |bank, account| {
        let job = with_reference(deposit(&account, 100), &format!("packed-{account}"));
        assert_eq!(answered(&bank.job(&job).await).0, 200);
        let headers =
            [("content-type", "application/json"), ("content-encoding", "gzip"), ("prefer", "wait=20")];
        let again = bank.client.post_with("/api/jobs", &headers, gzip(job.to_string(), 7)).await.unwrap();
        assert_eq!(again.status, 200, "{again:?}");
        assert_eq!(bank.amounts(&account).await, [100]);
    });
}

/// Members in another order, and blanks between them, are the same body.
async fn written_otherwise(bank: &Bank, account: &str, reference: &str) -> u16 {
    let body = format!(
        "{{ \"reference\":\"{reference}\", \"currency\":\"EUR\",\n \"amount\":100, \"account\":\"{account}\", \"kind\":\"deposit\"}}"
    );
    let headers = [("content-type", "application/json"), ("prefer", "wait=20")];
    bank.client.post_with("/api/jobs", &headers, body).await.unwrap().status.as_u16()
}

#[test]
fn the_same_body_written_otherwise_is_no_other_body() {
    with_an_account(async |bank, account| {
        let reference = format!("order-{account}");
        let first = bank.job(&with_reference(deposit(&account, 100), &reference)).await;
        assert_eq!(answered(&first).0, 200, "{first:?}");
        assert_eq!(written_otherwise(bank, &account, &reference).await, 200);
        assert_eq!(bank.amounts(&account).await, [100]);
    });
}
