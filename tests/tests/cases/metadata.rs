//! Metadata comes back as it was sent, byte for byte.

use serde_json::Value;

use super::bank::{Bank, at_the_bank, with_an_account};

/// A job with this metadata, as text: no number passes through a parser of ours on its way in.
fn job(account: &str, metadata: &str) -> String {
    format!(r#"{{"kind":"deposit","account":"{account}","amount":1,"currency":"EUR","metadata":{metadata}}}"#)
}

/// It is in what a client that waits is answered, and in what is found later.
async fn assert_kept(bank: &Bank, metadata: &str) {
    let account = bank.account("EUR").await;
    let headers = [("content-type", "application/json"), ("prefer", "wait=20")];
    let answer = bank.client.post_with("/api/jobs", &headers, job(&account, metadata)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    // Not every number that JSON can write is one of this parser.
    let id = answer.body.split_once(r#""id":""#).unwrap().1.split_once('"').unwrap().0.to_owned();
    let found = bank.client.get(&format!("/api/jobs/{id}")).await.unwrap();
    for said in [answer.body, found.body] {
        assert!(said.contains(metadata), "{metadata} is not in {said}");
    }
}

#[test]
fn numbers_in_metadata_come_back_digit_by_digit() {
    let metadata = r#"{"invoice":123456789012345678901234567890,"big":18446744073709551616,"rate":1.10,"neg":-0,"long":0.1000000000000000000001}"#;
    at_the_bank(async |bank| {
        assert_kept(bank, metadata).await;
    });
}

#[test]
fn no_number_passes_through_a_float() {
    at_the_bank(async |bank| {
        for number in [
            "18446744073709551615",
            "-9223372036854775809",
            "9007199254740993",
            "1e5",
            "1E+2",
            "0.10",
            "100.00",
            "-0.0",
            "1e400",
            "3.14159265358979323846264338327950288",
        ] {
            let metadata = format!(r#"{{"n":{number}}}"#);
            assert_kept(bank, &metadata).await;
        }
    });
}

#[test]
fn members_keep_their_order_and_lists_their_numbers() {
    at_the_bank(async |bank| {
        for metadata in [
            r#"{"z":1,"a":2,"m":{"z":[1.10,2.00],"a":null}}"#,
            r#"{"text":"Ännchen ✓","empty":"","yes":true}"#,
            r#"{"nested":{"big":123456789012345678901234567890}}"#,
        ] {
            assert_kept(bank, metadata).await;
        }
    });
}

#[test]
fn blanks_and_escapes_come_back_too() {
    at_the_bank(async |bank| {
        for metadata in [r#"{"a" : 1,  "b":[ 1 , 2 ]}"#, r#"{"name":"\u00e9\/\u20ac"}"#] {
            assert_kept(bank, metadata).await;
        }
    });
}

#[test]
fn metadata_of_batches_and_files_comes_back_as_well() {
    let metadata = r#"{"invoice":123456789012345678901234567890,"rate":1.10}"#;
    with_an_account(async |bank, account| {
        let line = format!("{}\n", job(&account, metadata));
        let array = format!("[{}]", job(&account, metadata));
        bank.batch(&[], &line).await;
        let import = bank.import(&line, "application/x-ndjson", &[]).await;
        assert_eq!(import["posted"], 1, "{import}");
        let headers = [("content-type", "application/json")];
        let answer = bank.client.post_with("/api/jobs/batch", &headers, array).await.unwrap();
        bank.view(answer.json::<Value>().unwrap()["results"][0]["id"].as_str().unwrap()).await;
        let page: Value =
            bank.client.get(&format!("/api/accounts/{account}/entries")).await.unwrap().json().unwrap();
        let entries = page["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 3, "{page}");
        for entry in entries {
            let found =
                bank.client.get(&format!("/api/jobs/{}", entry["job"].as_str().unwrap())).await.unwrap();
            assert!(found.body.contains(metadata), "{found:?}");
        }
    });
}

#[test]
fn another_writing_of_a_number_in_metadata_is_said_and_never_swallowed() {
    with_an_account(async |bank, account| {
        let with = |metadata: &str| {
            job(&account, metadata)
                .replace("\"amount\"", &format!("\"reference\":\"meta-{account}\",\"amount\""))
        };
        let headers = [("content-type", "application/json"), ("prefer", "wait=20")];
        let first = bank
            .client
            .post_with("/api/jobs", &headers, with(r#"{"n":123456789012345678901234567890}"#))
            .await
            .unwrap();
        assert_eq!(first.status, 200, "{first:?}");
        let other = bank
            .client
            .post_with("/api/jobs", &headers, with(r#"{"n":123456789012345678901234567891}"#))
            .await
            .unwrap();
        assert_eq!(other.status, 422, "another invoice is another body: {other:?}");
        assert_eq!(bank.amounts(&account).await, [1]);
    });
}
